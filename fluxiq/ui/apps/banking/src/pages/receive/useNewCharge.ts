import { api, dataOf, useDeed, useRead } from '@fluxiq/kit'
import { computed } from 'vue'
import type { Charge } from '@fluxiq/pix/records'
import { readCharge } from '@fluxiq/pix/pages/charges/history'

export interface ChargeAsked {
  account_id: string
  amount: number
  description: string
  expiration: number
}

const READ_EVERY_MS = 5_000

/** A charge, made once, and watched until somebody has paid it. */
export function useNewCharge() {
  const deed = useDeed<Charge, ChargeAsked>({
    run: (body, key) =>
      dataOf(api.POST('/api/v1/pix/charges', { params: { header: { 'Idempotency-Key': key } }, body })),
    after: [['charges']],
  })
  const made = computed(() => deed.result.value)
  const watched = useRead<Charge>({
    key: () => ['charges', made.value?.id ?? ''],
    read: () => readCharge(made.value!.id),
    live: ['payments'],
    every: READ_EVERY_MS,
    enabled: () => made.value !== undefined,
  })
  /** The answer of the deed, until something newer is known of the same charge. */
  const charge = computed(() => (made.value === undefined ? undefined : (watched.data.value ?? made.value)))
  return { deed, charge }
}
