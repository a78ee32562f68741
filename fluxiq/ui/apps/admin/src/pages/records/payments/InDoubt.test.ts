import { money } from '@fluxiq/kit'
import { fakeApi, mountPage, refusal, settled } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it } from 'vitest'
import InDoubt from './InDoubt.vue'

const OWNER = { merchant_id: null, permissions: ['*', 'operations:*', 'institution:*'] }
const LIST = 'GET /api/v1/operations/payments/in-doubt'
const DECIDE = 'POST /api/v1/operations/payments/pay_1/decide'
const AN_HOUR_MS = 3_600_000

function payout(decidableInMs: number) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString()
  return {
    id: 'pay_1',
    merchant_id: 'mch_1',
    account_id: 'acc_1',
    end_to_end_id: 'E12345678202611270000abcdefghijk',
    amount: 250_00,
    stage: 'in_doubt',
    created_at: at(-AN_HOUR_MS),
    tried: 'ask',
    tried_at: at(-1000),
    answered: null,
    decidable_at: at(decidableInMs),
  }
}

const listed = (decidableInMs: number) => ({ data: [payout(decidableInMs)], meta: { page: 1, per_page: 25, total: 1, total_pages: 1 } })
const button = (text: string) => [...document.querySelectorAll('button')].filter((one) => one.textContent?.trim() === text).at(-1)

async function openDialog() {
  button('Decidir')?.click()
  await settled()
}

async function giveReason(text: string) {
  const area = document.querySelector('textarea')
  if (!area) throw new Error('nobody asks for the reason')
  area.value = text
  area.dispatchEvent(new Event('input'))
  await settled()
}

afterEach(() => (document.body.innerHTML = ''))

describe('a payout whose outcome nobody knows', () => {
  it('is not decided by people before its provider was silent for long enough', async () => {
    fakeApi({ [LIST]: listed(AN_HOUR_MS) })
    const page = await mountPage(InDoubt, { claims: OWNER })
    expect(page.text()).toContain(money(250_00))
    expect(page.text()).toContain('Pessoas decidem a partir de')
    expect(button('Decidir')).toBeUndefined()
    page.unmount()
  })

  it('is decided with an outcome and its evidence, never without the outcome', async () => {
    const api = fakeApi({ [LIST]: listed(-1), [DECIDE]: { data: { id: 'pay_1', stage: 'confirmed', amount: 250_00, end_to_end_id: 'E1', failure: null } } })
    const page = await mountPage(InDoubt, { claims: OWNER })
    await openDialog()
    await giveReason('extrato 4711')
    button('Decidir')?.click()
    await settled()
    expect(document.body.textContent).toContain('Diga como terminou.')

    document.querySelector<HTMLInputElement>('input[type=radio]')?.click()
    await settled()
    button('Decidir')?.click()
    await settled()
    const decided = api.asked.filter((one) => one.method === 'POST')
    expect(decided.map((one) => one.body)).toEqual([{ outcome: 'confirmed', reason: 'extrato 4711' }])
    expect(decided[0]?.headers.get('Idempotency-Key')).toBeTruthy()
    page.unmount()
  })

  it('waits for a second person where one is asked for, and does not call that a failure', async () => {
    fakeApi({
      [LIST]: listed(-1),
      [DECIDE]: () => refusal(409, 'needs_approval', 'proposed', { approval_id: 'apr_1', expires_at: '2026-11-27T12:00:00Z' }),
    })
    const page = await mountPage(InDoubt, { claims: OWNER })
    await openDialog()
    document.querySelector<HTMLInputElement>('input[type=radio]')?.click()
    await giveReason('extrato 4711')
    button('Decidir')?.click()
    await settled()
    expect(document.body.textContent).toContain('Proposto; falta outra pessoa')
    expect(document.querySelector('a[href="/approvals"]')).not.toBeNull()
    expect(document.querySelector('[data-code]')).toBeNull()
    page.unmount()
  })
})
