import { download, saveFile, toast, useDeed, useWords } from '@fluxiq/kit'
import type { Period } from '../../parts/lines'
import { statementWords } from './words'

export type FileKind = 'csv' | 'ofx'

/** The whole period as a file, fetched with the bearer: a plain link could not carry it. */
export function useDownload() {
  const { t } = useWords(statementWords)
  return useDeed<void, { accountId: string; period: Period; kind: FileKind }>({
    run: async ({ accountId, period, kind }) => {
      const path = `/api/v1/accounts/${encodeURIComponent(accountId)}/statement`
      const { blob, name } = await download(path, { start_date: period.start, end_date: period.end, format: kind })
      saveFile(blob, name ?? `extrato-${period.start}-${period.end}.${kind}`)
    },
    done: () => toast(t('downloaded'), 'good'),
  })
}
