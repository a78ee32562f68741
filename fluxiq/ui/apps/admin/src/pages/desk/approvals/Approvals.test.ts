import { fakeApi, mountPage, refusal, settled } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type { VueWrapper } from '@vue/test-utils'
import Approvals from './Approvals.vue'

const CLAIMS = { permissions: ['*', 'operations:*'], merchant_id: null }
const PROPOSED = {
  id: 'apr_1',
  action: 'sealing_rotate',
  arguments: { institution: '12345678', reason: 'the yearly rotation' },
  digest: 'ab'.repeat(32),
  proposed_by: 'usr_other',
  proposed_at: '2026-11-27T00:00:00Z',
  expires_at: '2026-11-27T00:15:00Z',
  state: 'proposed',
  decided_by: null,
  decided_at: null,
}

let page: VueWrapper | undefined
afterEach(() => {
  page?.unmount()
  document.body.innerHTML = ''
})

const listed = (...approvals: object[]) => ({ data: { is_asked_for: true, approvals } })
const button = (name: string) => [...document.querySelectorAll('button')].filter((one) => one.textContent?.trim() === name)

async function press(name: string) {
  button(name).at(-1)?.click()
  await settled()
}

async function sayWhy(text: string) {
  const box = document.querySelector<HTMLTextAreaElement>('[role=alertdialog] textarea')
  if (box === null) throw new Error('nobody asks why')
  box.value = text
  box.dispatchEvent(new Event('input'))
  await settled()
}

describe('approvals', () => {
  it('offers nobody to approve what they proposed themselves', async () => {
    fakeApi({ 'GET /api/v1/operations/approvals': listed({ ...PROPOSED, proposed_by: 'usr_test' }) })
    page = await mountPage(Approvals, { claims: CLAIMS })
    expect(button('Aprovar e fazer agora')).toEqual([])
    expect(button('Retirar')).toHaveLength(1)
  })

  it('offers nothing to who may only look', async () => {
    fakeApi({ 'GET /api/v1/operations/approvals': listed(PROPOSED) })
    page = await mountPage(Approvals, { claims: { ...CLAIMS, permissions: ['operations:read'] } })
    expect(page.text()).toContain('sealing_rotate')
    expect(page.text()).toContain('Trocar a chave dos dados')
    expect(button('Aprovar e fazer agora')).toEqual([])
    expect(button('Recusar')).toEqual([])
  })

  it('shows what the approved deed answered', async () => {
    const api = fakeApi({
      'GET /api/v1/operations/approvals': listed(PROPOSED),
      'POST /api/v1/operations/approvals/apr_1/approve': { data: { answer: { settled: false } } },
    })
    page = await mountPage(Approvals, { claims: CLAIMS })
    await press('Aprovar e fazer agora')
    await sayWhy('we spoke about it')
    await press('Aprovar e fazer agora')

    const sent = api.asked.find(({ method }) => method === 'POST')
    expect(sent?.body).toEqual({ reason: 'we spoke about it' })
    expect(sent?.headers.get('Idempotency-Key')).toBeTruthy()
    expect(page.text()).toContain('"settled": false')
  })

  it('shows who approves the end of a payment which payment it is, and what becomes of the money', async () => {
    const decide = { ...PROPOSED, action: 'payment_decide', arguments: { id: 'pay_1', outcome: 'failed', reason: 'an extract' } }
    const payment = { id: 'pay_1', kind: 'payout', merchant_id: 'mch_1', account_id: 'acc_1', amount: 4321, status: 'processing', end_to_end_id: null, created_at: '2026-11-26T00:00:00Z', ended_at: null }
    fakeApi({
      'GET /api/v1/operations/approvals': listed(decide),
      'GET /api/v1/institution/payments/pay_1/walk': { data: { payment, steps: [], related: { payments: [], deliveries: [], jobs: [] } } },
    })
    page = await mountPage(Approvals, { claims: CLAIMS })
    expect(page.text()).toMatch(/R\$\s43,21/)
    expect(page.text()).toContain('o dinheiro não saiu')
    expect(page.find('a[href="/payments/pay_1"]').exists()).toBe(true)
  })

  it('says of the payment of another institution that it is one, and not that there is none', async () => {
    const decide = { ...PROPOSED, action: 'payment_decide', arguments: { id: 'pay_1', outcome: 'confirmed', reason: 'an extract' } }
    fakeApi({
      'GET /api/v1/operations/approvals': listed(decide),
      'GET /api/v1/institution/payments/pay_1/walk': () => refusal(404, 'payment_not_found'),
    })
    page = await mountPage(Approvals, { claims: CLAIMS })
    expect(page.text()).toContain('não é da sua instituição')
    expect(page.find('[data-state=missing]').exists()).toBe(false)
    expect(button('Aprovar e fazer agora')).toHaveLength(1)
  })

  it('tells how a deed failed though its proposal has left the list', async () => {
    const api = fakeApi({
      'GET /api/v1/operations/approvals': listed(PROPOSED),
      'POST /api/v1/operations/approvals/apr_1/approve': () => {
        api.answer('GET /api/v1/operations/approvals', listed({ ...PROPOSED, state: 'approved', decided_by: 'usr_test' }))
        return refusal(409, 'approval_over')
      },
    })
    page = await mountPage(Approvals, { claims: CLAIMS })
    await press('Aprovar e fazer agora')
    await sayWhy('we spoke about it')
    await press('Aprovar e fazer agora')
    // As the list does every few seconds.
    window.dispatchEvent(new Event('visibilitychange'))
    await settled()
    expect(document.querySelector('[role=alertdialog] [data-code=approval_over]')).not.toBeNull()
  })
})
