import { answerOf, api, ApiFailure, dataOf, useFilters, useRead, useWords } from '@fluxiq/kit'
import { computed } from 'vue'
import { given, PER_PAGE } from '../shared/paging'
import type { Request } from '../shared/records'
import { useMerchantNames } from '../shared/useMerchantNames'
import { sharedWords } from '../shared/words'
import { requestWords } from './words'

const EVERY_MS = 5_000
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
type Method = (typeof METHODS)[number]
const NO_FILTERS = { id: '', status: '', method: '', path: '', actor: '', merchant_id: '' }

const nothing = { data: [] as Request[], meta: { page: 1, per_page: PER_PAGE, total: 0, total_pages: 0 } }

/** One request, as a list of one; of an id that nobody has, an empty list. */
async function one(id: string) {
  try {
    const found = await dataOf(api.GET('/api/v1/institution/requests/{request_id}', { params: { path: { request_id: id } } }))
    return { data: [found], meta: { ...nothing.meta, total: 1, total_pages: 1 } }
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return nothing
    throw error
  }
}

/** The log of requests. An id stands alone: it names one. */
export function useRequests() {
  const { t } = useWords(requestWords)
  const { t: shared } = useWords(sharedWords)
  const { values, page, isFiltered } = useFilters({ ...NO_FILTERS })
  const { nameOf, options: merchants } = useMerchantNames()

  const requests = useRead({
    key: () => ['requests', page.value, values.value],
    read: () => {
      const { id, method, ...rest } = values.value
      if (id.trim()) return one(id.trim())
      const filters = given({ ...rest, path: rest.path.trim(), actor: rest.actor.trim(), method: method as Method | '' })
      const query = { page: page.value, per_page: PER_PAGE, ...(filters as { method?: Method }) }
      return answerOf(api.GET('/api/v1/institution/requests', { params: { query } }))
    },
    every: EVERY_MS,
  })

  const fields = computed(() => {
    const first = { kind: 'search' as const, key: 'id', label: t('id'), placeholder: t('idHint') }
    if (values.value.id) return [first]
    return [
      first,
      { kind: 'search' as const, key: 'path', label: t('path'), placeholder: '/api/v1/pix' },
      { kind: 'search' as const, key: 'actor', label: t('actor'), placeholder: t('actorHint') },
      { kind: 'select' as const, key: 'status', label: t('status'), options: (['2xx', '4xx', '5xx'] as const).map((value) => ({ value, label: t(`status_${value}`) })) },
      { kind: 'select' as const, key: 'method', label: t('method'), options: METHODS.map((value) => ({ value, label: value })) },
      { kind: 'select' as const, key: 'merchant_id', label: shared('merchant'), options: merchants.value },
    ]
  })

  return { values, page, isFiltered, requests, fields, nameOf }
}
