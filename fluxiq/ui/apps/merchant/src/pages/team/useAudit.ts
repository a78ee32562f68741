import { given, PER_PAGE } from '@fluxiq/pix/parts/paging'
import { answerOf, api, download, saveFile, toast, useDeed, useFilters, useRead, useWords } from '@fluxiq/kit'
import { endOf, startOf } from '../developers/events/startOf'
import { auditWords } from './auditWords'

/** The trail as it is searched, and the same as a file. */
export function useAudit() {
  const { t } = useWords(auditWords)
  const { values, page, isFiltered } = useFilters({ action: '', subject: '', actor: '', from: '', to: '' })

  function wanted() {
    const { from, to, ...words } = values.value
    return { ...given(words), from: startOf(from), to: endOf(to) }
  }

  const lines = useRead({
    key: () => ['audit', page.value, values.value],
    read: () => answerOf(api.GET('/api/v1/audit', { params: { query: { page: page.value, per_page: PER_PAGE, ...wanted() } } })),
    every: 10_000,
  })

  const exporting = useDeed<void>({
    run: async () => {
      const { blob, name } = await download('/api/v1/audit/export', { ...wanted(), format: 'csv' }, 'text/csv')
      saveFile(blob, name ?? 'audit.csv')
    },
    done: () => toast(t('exported'), 'good'),
  })

  return { lines, values, page, isFiltered, exporting }
}
