import { api, dataOf, useRead } from '@fluxiq/kit'
import type { Limits } from '../records'

/** What may be paid by PIX out of an account, and what is left of it today and tonight. */
export function useLimits(accountId: () => string) {
  return useRead<Limits>({
    key: () => ['limits', accountId()],
    read: () =>
      dataOf(api.GET('/api/v1/accounts/{account_id}/limits', { params: { path: { account_id: accountId() } } })),
    live: ['payments'],
    enabled: () => accountId() !== '',
  })
}
