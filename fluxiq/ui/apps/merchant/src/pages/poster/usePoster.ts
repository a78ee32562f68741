import { useAccounts, useChosenAccount } from '@fluxiq/pix/parts/useAccounts'
import { api, dataOf, useDeed, useRead, useSession } from '@fluxiq/kit'
import { computed, reactive, watch } from 'vue'
import type { Merchant } from '../../records'

type Asked = { type: 'static'; account_id: string; amount: number | null; description: string | null }

/** A static code and what stands around it on paper: name and city, which are in the code as well. */
export function usePoster() {
  const session = useSession()
  const accounts = useAccounts()
  const payable = computed(() => accounts.data.value?.filter((account) => account.pix_keys.length > 0))
  const { chosenId } = useChosenAccount(() => payable.value)
  const form = reactive({ name: '', amount: null as number | null, description: '' })

  const merchant = useRead<Merchant>({
    key: () => ['merchant', session.person?.merchantId],
    read: () => {
      const path = { merchant_id: session.person?.merchantId ?? '' }
      return dataOf(api.GET('/api/v1/merchants/{merchant_id}', { params: { path } }))
    },
    enabled: () => Boolean(session.person?.merchantId) && session.may('merchants:read'),
  })
  watch(merchant.data, (known) => known && (form.name ||= known.name), { immediate: true })

  const deed = useDeed<string, Asked>({
    run: async (body, key) => {
      const params = { header: { 'Idempotency-Key': key } }
      return (await dataOf(api.POST('/api/v1/pix/qrcode', { params, body }))).qr_code
    },
  })
  function make(): void {
    const description = form.description.trim() || null
    void deed.start({ type: 'static', account_id: chosenId.value, amount: form.amount || null, description })
  }

  const city = computed(() => merchant.data.value?.city ?? '')
  return { accounts, payable, chosenId, form, city, deed, code: deed.result, make }
}
