import { fakeApi, mountPage } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it } from 'vitest'
import Institution from './Institution.vue'

const OWNER = { merchant_id: null, permissions: ['*', 'operations:*'] }
const SEEN = 'GET /api/v1/operations/institutions/12345678'

// As fluxiq/stores/institutions.py names them.
const IN_FLIGHT = [
  'accounts with a hold',
  'payouts',
  'refunds',
  'transfers',
  'payout batches',
  'fraud reports',
  'contests',
  'notices that nobody read',
  'batches of the ledger',
]

function institution(remainder: object) {
  const at = '2026-11-27T00:00:00Z'
  return {
    ispb: '12345678', name: 'Banco Aurora', state: 'active', ledger: 1, is_open: true, created_at: at, changed_at: at,
    reason: null, archive: null, steps: [], declaration: null, remainder,
  }
}

afterEach(() => (document.body.innerHTML = ''))

describe('an institution', () => {
  it('says all that it still has in words, and no name of a table', async () => {
    const in_flight = Object.fromEntries(IN_FLIGHT.map((kind, number) => [kind, 100 + number]))
    fakeApi({ [SEEN]: { data: institution({ balances: 5, in_flight }) } })
    const page = await mountPage(Institution, { path: '/institutions/:ispb', at: '/institutions/12345678', claims: OWNER })
    for (const [kind, value] of Object.entries(in_flight)) {
      expect(page.text(), kind).toContain(String(value))
      expect(page.text(), kind).not.toMatch(new RegExp(`\\b${kind}\\b`))
    }
  })
})
