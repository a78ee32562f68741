import { answerOf, api, dataOf, useRead } from '@fluxiq/kit'
import { computed, ref, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Account, Balance } from '../records'

/** More accounts than a merchant has in practice; the rest is on the API's next page. */
const ACCOUNTS_MAX = 100

/** The merchant's accounts, oldest first. */
export function useAccounts() {
  return useRead<Account[]>({
    key: () => ['accounts'],
    read: async () => {
      const query = { page: 1, per_page: ACCOUNTS_MAX }
      return (await answerOf(api.GET('/api/v1/accounts', { params: { query } }))).data
    },
  })
}

/** What each account holds, by its id; read again when the live socket tells of a movement. */
export function useBalances(accounts: () => readonly Account[] | undefined) {
  return useRead<Record<string, Balance>>({
    key: () => ['balances', ...(accounts() ?? []).map((account) => account.id)],
    read: async () => Object.fromEntries(await Promise.all((accounts() ?? []).map(balanceOf))),
    live: ['balances', 'payments'],
    enabled: () => accounts() !== undefined,
  })
}

async function balanceOf({ id }: Account): Promise<[string, Balance]> {
  const path = { account_id: id }
  return [id, await dataOf(api.GET('/api/v1/accounts/{account_id}/balance', { params: { path } }))]
}

/**
 * The account that a page is about: the one that its address names, else the first that money can
 * leave. What somebody chooses stays, also when the list is read again.
 */
export function useChosenAccount(accounts: () => readonly Account[] | undefined) {
  const route = useRoute()
  const asked = typeof route.query.account === 'string' ? route.query.account : ''
  const chosenId = ref(asked)

  watch(
    accounts,
    (known) => {
      if (!known || known.some((account) => account.id === chosenId.value)) return
      chosenId.value = (known.find((account) => account.status === 'active') ?? known[0])?.id ?? ''
    },
    { immediate: true },
  )
  const chosen = computed(() => accounts()?.find((account) => account.id === chosenId.value))
  return { chosenId, chosen }
}

/** How accounts are called: one's own by their names, others by the end of their ids. */
export function useAccountNames() {
  const accounts = useAccounts()
  function nameOf(id: string): string {
    return accounts.data.value?.find((account) => account.id === id)?.name ?? `acc_…${id.slice(-8)}`
  }
  return { nameOf }
}
