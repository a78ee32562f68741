import { useRead } from '@fluxiq/kit'
import { watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Payout, RecipientAccount } from '../../records'
import { readPayout } from './useOrder'

/** Fills in the account of the payment that the address names: account and name stay out of it. */
export function useRepeat(fill: (account: RecipientAccount) => void) {
  const { again } = useRoute().query
  const id = typeof again === 'string' ? again : ''
  const before = useRead<Payout>({ key: () => ['payouts', id], read: () => readPayout(id), enabled: () => id !== '' })

  const stop = watch(before.data, (payout) => {
    if (!payout?.recipient.account) return
    fill(payout.recipient.account)
    queueMicrotask(() => stop()) // once: what somebody has written since is theirs
  }, { immediate: true })
  return before
}
