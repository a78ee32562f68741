import { api, dataOf, toast, useDeed, useWords } from '@fluxiq/kit'
import type { MedReport } from '../shared/records'
import { medWords } from './words'

export type Verdict = { id: string; result: 'agreed' | 'disagreed'; amount: number | null }

const REPORTS = [['med'], ['accounts']] as const

/** What can be done about a report of fraud. Each is done once: the report's own state is the key. */
export function useReportDeeds(done: (report: MedReport) => void) {
  const { t } = useWords(medWords)
  const paramsOf = (id: string, key: string) => ({ path: { med_report_id: id }, header: { 'Idempotency-Key': key } })
  const ended = (word: 'acknowledged' | 'closed' | 'cancelled') => (report: MedReport) => {
    toast(t(word), 'good')
    done(report)
  }

  const acknowledge = useDeed<MedReport, string>({
    run: (id, key) => dataOf(api.POST('/api/v1/pix/med/reports/{med_report_id}/acknowledge', { params: paramsOf(id, key) })),
    after: REPORTS,
    done: ended('acknowledged'),
  })
  const close = useDeed<MedReport, Verdict>({
    run: ({ id, result, amount }, key) => {
      const body = { result, ...(amount !== null && { amount }) }
      return dataOf(api.POST('/api/v1/pix/med/reports/{med_report_id}/close', { params: paramsOf(id, key), body }))
    },
    after: REPORTS,
    done: ended('closed'),
  })
  const cancel = useDeed<MedReport, string>({
    run: (id, key) => dataOf(api.POST('/api/v1/pix/med/reports/{med_report_id}/cancel', { params: paramsOf(id, key) })),
    after: REPORTS,
    done: ended('cancelled'),
  })
  return { acknowledge, close, cancel }
}
