import { answerOf, api, money, parseMoney, statusLook, useFilters, useRead, useWords } from '@fluxiq/kit'
import { computed } from 'vue'
import { endOf, given, PER_PAGE, startOf } from '../shared/paging'
import { KINDS, statusKind, type PaymentKind } from '../shared/records'
import { useMerchantNames } from '../shared/useMerchantNames'
import { sharedWords } from '../shared/words'
import { STATUSES_OF } from './statuses'
import { paymentWords } from './words'

const EVERY_MS = 15_000
const NO_FILTERS = { q: '', kind: '', status: '', merchant_id: '', account_id: '', min: '', max: '', from: '', to: '' }
export type SearchFilters = typeof NO_FILTERS

/** As the API takes it. An id stands alone: with one, the other filters are not asked. */
export function queryOf(filters: SearchFilters) {
  if (filters.q.trim()) return { q: filters.q.trim() }
  const { kind, status, merchant_id, account_id } = filters
  return given({
    kind: kind as PaymentKind | '',
    status: kind ? status : '',
    merchant_id,
    account_id,
    amount_min: parseMoney(filters.min),
    amount_max: parseMoney(filters.max),
    since: startOf(filters.from),
    until: endOf(filters.to),
  }) as { kind?: PaymentKind }
}

/** The search over payments of all merchants; its filters live in the address of the page. */
export function usePaymentSearch() {
  const { t, locale } = useWords(paymentWords)
  const { t: shared } = useWords(sharedWords)
  const { values, page, isFiltered } = useFilters({ ...NO_FILTERS })
  const { options: merchants } = useMerchantNames()

  const found = useRead({
    key: () => ['payments', page.value, values.value],
    read: () => {
      const query = { page: page.value, per_page: PER_PAGE, ...queryOf(values.value) }
      return answerOf(api.GET('/api/v1/institution/payments', { params: { query } }))
    },
    every: EVERY_MS,
  })

  const kinds = computed(() => KINDS.map((value) => ({ value, label: shared(`kind_${value}`) })))
  const statuses = computed(() => {
    const kind = KINDS.find((one) => one === values.value.kind)
    return (kind ? STATUSES_OF[kind] : []).map((value) => ({ value, label: statusLook(statusKind(kind ?? 'charge'), value)[locale.value] }))
  })
  const fields = computed(() => {
    const first = { kind: 'search' as const, key: 'q', label: t('anyId'), placeholder: t('anyIdHint') }
    // An id names one payment: there is nothing left to filter.
    if (values.value.q) return [first]
    return [
      first,
      { kind: 'select' as const, key: 'kind', label: shared('kind'), options: kinds.value },
      ...(statuses.value.length > 0 ? [{ kind: 'select' as const, key: 'status', label: shared('status'), options: statuses.value }] : []),
      { kind: 'select' as const, key: 'merchant_id', label: shared('merchant'), options: merchants.value },
      { kind: 'search' as const, key: 'min', label: t('min'), placeholder: money(0) },
      { kind: 'search' as const, key: 'max', label: t('max'), placeholder: money(0) },
      { kind: 'date' as const, key: 'from', label: shared('from') },
      { kind: 'date' as const, key: 'to', label: shared('to') },
    ]
  })

  return { values, page, isFiltered, found, fields }
}
