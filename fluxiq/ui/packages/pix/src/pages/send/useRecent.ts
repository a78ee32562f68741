import { answerOf, api, useRead } from '@fluxiq/kit'
import type { Payout, RecipientAccount } from '../../records'

export interface Recent {
  /** The same for every payment that went the same way. */
  id: string
  name: string
  to: { key: string; account?: undefined } | { account: RecipientAccount }
}

const LOOKED_AT = 40
const SHOWN = 5

/** Whom the merchant has paid lately, each once, newest first. */
export function useRecent() {
  return useRead<Recent[]>({
    key: () => ['payouts', 'recent'],
    read: async () => {
      const query = { page: 1, per_page: LOOKED_AT, status: 'confirmed' as const }
      return recentOf((await answerOf(api.GET('/api/v1/pix/payouts', { params: { query } }))).data)
    },
  })
}

export function recentOf(payouts: readonly Pick<Payout, 'recipient'>[]): Recent[] {
  const found = new Map<string, Recent>()
  for (const { recipient } of payouts) {
    const one = recent(recipient)
    if (one && !found.has(one.id)) found.set(one.id, one)
  }
  return Array.from(found.values()).slice(0, SHOWN)
}

function recent({ pix_key, name, account }: Payout['recipient']): Recent | null {
  if (account) {
    const { ispb, branch, number, type } = account
    return { id: [ispb, branch ?? '', number, type].join(' '), name, to: { account } }
  }
  return pix_key === null ? null : { id: pix_key, name, to: { key: pix_key } }
}
