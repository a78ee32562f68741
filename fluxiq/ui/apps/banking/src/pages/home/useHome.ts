import { useRead, useSession } from '@fluxiq/kit'
import { computed } from 'vue'
import { type Lines, newestLines } from '@fluxiq/pix/parts/lines'
import { dayAfter, dayInUtc } from '@fluxiq/pix/parts/saoPaulo'
import { useAccounts, useBalances, useChosenAccount } from '@fluxiq/pix/parts/useAccounts'

const LAST_DAYS = 30
const LAST_LINES = 8

/** What the first page shows: accounts, what they hold, and the last movements of the chosen one. */
export function useHome() {
  const session = useSession()
  const accounts = useAccounts()
  const balances = useBalances(() => accounts.data.value)
  const { chosenId, chosen } = useChosenAccount(() => accounts.data.value)

  const movements = useRead<Lines>({
    key: () => ['statement', chosenId.value, 'last'],
    read: () => newestLines(chosenId.value, lastDays(), LAST_LINES),
    live: ['balances', 'payments'],
    enabled: () => chosenId.value !== '',
  })
  const total = computed(() => {
    const held = balances.data.value
    return held && Object.values(held).reduce((sum, balance) => sum + balance.available, 0)
  })
  const firstName = computed(() => (session.person?.name ?? '').trim().split(/\s+/)[0] ?? '')

  return { accounts, balances, chosenId, chosen, movements, total, firstName }
}

function lastDays() {
  const today = dayInUtc(new Date())
  return { start: dayAfter(today, 1 - LAST_DAYS), end: today }
}
