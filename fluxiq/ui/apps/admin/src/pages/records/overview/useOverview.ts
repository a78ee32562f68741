import { answerOf, api, dataOf, useFilters, useRead } from '@fluxiq/kit'
import { computed } from 'vue'
import type { Now, Payment, PaymentStatistics } from '../shared/records'
import { asked, endedIn, perSecond, SPANS, successShare } from './span'

const NOW_EVERY_MS = 5_000
const SERIES_EVERY_MS = 30_000
const LATEST = 6

/** What the overview shows: the last minute, the chosen span, and the payments that came last. */
export function useOverview() {
  const { values } = useFilters({ span: 'hour' })
  const span = computed(() => SPANS.find((one) => one === values.value.span) ?? 'hour')

  const now = useRead<Now>({
    key: () => ['now'],
    read: () => dataOf(api.GET('/api/v1/institution/statistics/now')),
    every: NOW_EVERY_MS,
  })
  const statistics = useRead<PaymentStatistics>({
    key: () => ['statistics', span.value],
    read: () => dataOf(api.GET('/api/v1/institution/statistics/payments', { params: { query: asked(span.value) } })),
    every: SERIES_EVERY_MS,
  })
  const latest = useRead<Payment[]>({
    key: () => ['payments', 'latest', LATEST],
    read: async () => (await answerOf(api.GET('/api/v1/institution/payments', { params: { query: { per_page: LATEST } } }))).data,
    every: NOW_EVERY_MS,
  })

  const series = computed(() => statistics.data.value?.series ?? [])
  const totals = computed(() => statistics.data.value?.totals)
  const times = computed(() => series.value.map((one) => one.at))
  const bucket = computed(() => statistics.data.value?.bucket ?? 'minute')
  const rates = computed(() => series.value.map((one) => perSecond(one, bucket.value)))
  const ended = computed(() => series.value.map(endedIn))
  const share = computed(() => (totals.value ? successShare(totals.value) : null))
  const volume = computed(() => (totals.value?.charges_paid_amount ?? 0) + (totals.value?.payouts_confirmed_amount ?? 0))

  return { values, span, now, statistics, latest, series, totals, times, rates, ended, share, volume }
}
