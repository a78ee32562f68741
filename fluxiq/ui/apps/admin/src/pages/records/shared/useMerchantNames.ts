import { answerOf, api, useRead } from '@fluxiq/kit'
import { computed } from 'vue'
import type { Merchant } from './records'

const NAMED_MAX = 100

/** The names of merchants, for lists that have their ids. Of a great many the first ones: others show their id. */
export function useMerchantNames() {
  const merchants = useRead<Merchant[]>({
    key: () => ['merchants', 'names'],
    read: async () => (await answerOf(api.GET('/api/v1/institution/merchants', { params: { query: { per_page: NAMED_MAX } } }))).data,
  })
  const names = computed(() => new Map(merchants.data.value?.map((one) => [one.id, one.name])))
  const options = computed(() => merchants.data.value?.map((one) => ({ value: one.id, label: one.name })) ?? [])
  const nameOf = (id: string) => names.value.get(id) ?? null

  return { nameOf, options }
}
