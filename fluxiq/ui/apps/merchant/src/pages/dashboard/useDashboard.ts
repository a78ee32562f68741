import { api, answerOf, dataOf, useFilters, useRead, useSession } from '@fluxiq/kit'
import { computed } from 'vue'
import type { PaymentStatistics } from '../../records'
import { isPeriodName, type Span, spansOf, trendOf } from './period'

const LATEST_CHARGES = 6
const READ_EVERY_MS = 60_000

/** The numbers of a period and of the one before it; the period is in the page's address. */
export function useNumbers() {
  const { values } = useFilters({ period: 'week' })
  const period = computed({
    get: () => (isPeriodName(values.value.period) ? values.value.period : 'week'),
    set: (period) => (values.value = { ...values.value, period }),
  })
  const current = useStatistics(() => spansOf(period.value, Date.now()).current, 'current')
  const before = useStatistics(() => spansOf(period.value, Date.now()).before, 'before')

  const totals = computed(() => current.data.value?.totals)
  const series = computed(() => current.data.value?.series ?? [])
  const times = computed(() => series.value.map((one) => one.at))

  function trend(name: 'charges_paid_amount' | 'conversion' | 'average_ticket' | 'payouts_confirmed_amount') {
    return trendOf(totals.value?.[name], before.data.value?.totals[name])
  }
  return { period, current, totals, series, times, trend }
}

/** What is counted is read again as things happen; what is over is not. */
function useStatistics(span: () => Span, name: 'current' | 'before') {
  return useRead<PaymentStatistics>({
    key: () => ['statistics', span().bucket, span().since],
    read: () => dataOf(api.GET('/api/v1/statistics/payments', { params: { query: span() } })),
    ...(name === 'current' && { live: ['payments'], every: READ_EVERY_MS }),
  })
}

/** Charges, newest first, as they come. */
export function useLatest() {
  return useRead({
    key: () => ['charges', 'latest'],
    read: async () => (await answerOf(api.GET('/api/v1/pix/charges', { params: { query: { page: 1, per_page: LATEST_CHARGES } } }))).data,
    live: ['payments'],
  })
}

/** How many things wait for a second person: only for whoever could be that one. */
export function useWaiting() {
  const { may } = useSession()
  const one = { page: 1, per_page: 1 }
  const batches = useRead<number>({
    key: () => ['batches', 'waiting'],
    read: async () => {
      const query = { ...one, status: 'awaiting_release' as const }
      return (await answerOf(api.GET('/api/v1/pix/payout-batches', { params: { query } }))).meta.total
    },
    every: READ_EVERY_MS,
    enabled: () => may('payout_batches:release'),
  })
  const transfers = useRead<number>({
    key: () => ['transfers', 'waiting'],
    read: async () => {
      const query = { ...one, status: 'pending' as const }
      return (await answerOf(api.GET('/api/v1/transfers', { params: { query } }))).meta.total
    },
    every: READ_EVERY_MS,
    enabled: () => may('transfers:approve'),
  })
  return { batches: batches.data, transfers: transfers.data }
}
