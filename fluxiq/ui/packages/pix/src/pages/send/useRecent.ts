import { answerOf, api, useRead } from '@fluxiq/kit'
import type { Payout } from '../../records'

export interface Recent {
  key: string
  name: string
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
  const names = new Map<string, string>()
  for (const { recipient } of payouts) {
    if (!names.has(recipient.pix_key)) names.set(recipient.pix_key, recipient.name)
  }
  return Array.from(names, ([key, name]) => ({ key, name })).slice(0, SHOWN)
}
