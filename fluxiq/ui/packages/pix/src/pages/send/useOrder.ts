import { api, dataOf, useDeed, useRead } from '@fluxiq/kit'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import type { Payout, RecipientSaid } from '../../records'

export interface Order {
  account_id: string
  amount: number
  recipient: RecipientSaid
  description: string
  scheduled_for: string | null
}

const FIRST_CHECK_MS = 2_000
const CHECKS_MAX = 6
const READ_EVERY_MS = 2_000

/**
 * One payment, ordered once, and what becomes of it. While nobody knows whether the order arrived it is
 * sent again under the same key, which asks and pays nothing twice; what is accepted is followed
 * until it ends.
 */
export function useOrder() {
  const payout = shallowRef<Payout | undefined>()
  const wasUnknown = ref(false)
  const isChecking = ref(false)
  let isGone = false
  onScopeDispose(() => (isGone = true))

  const deed = useDeed<Payout, Order>({
    run: (body, key) =>
      dataOf(api.POST('/api/v1/pix/payouts', { params: { header: { 'Idempotency-Key': key } }, body })),
    after: [['balances'], ['statement'], ['payouts'], ['limits'], ['notices']],
    done: (accepted) => (payout.value = accepted),
  })
  /** Once unknown, only a clear answer makes it known: "come again later" is none. */
  const isUnknown = computed(
    () => deed.isUnknown.value || (wasUnknown.value && deed.failure.value?.isRetryable === true),
  )

  async function order(input: Order): Promise<void> {
    if (isChecking.value || deed.isRunning.value) return
    isChecking.value = true
    await deed.start(input)
    for (let check = 0; isUnknown.value && check < CHECKS_MAX && !isGone; check += 1) {
      wasUnknown.value = true
      await new Promise((resolve) => setTimeout(resolve, FIRST_CHECK_MS * 2 ** check))
      if (!isGone) await deed.start(input)
    }
    if (!isUnknown.value) wasUnknown.value = false
    isChecking.value = false
  }

  useRead<Payout>({
    key: () => ['payouts', payout.value?.id],
    read: async () => (payout.value = await readPayout(payout.value!.id)),
    live: ['payments'],
    every: READ_EVERY_MS,
    enabled: () => payout.value?.status === 'processing',
  })

  function reset(): void {
    wasUnknown.value = false
    payout.value = undefined
    deed.reset()
  }
  return { order, reset, payout, isUnknown, isChecking, isRunning: deed.isRunning, failure: deed.failure }
}

export function readPayout(id: string): Promise<Payout> {
  return dataOf(api.GET('/api/v1/pix/payouts/{payout_id}', { params: { path: { payout_id: id } } }))
}
