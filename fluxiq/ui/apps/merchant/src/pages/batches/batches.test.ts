import { fakeApi, mountPage, refusal, settled, signOut } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it } from 'vitest'
import Batch from './Batch.vue'
import NewBatch from './NewBatch.vue'

const META = { page: 1, per_page: 100, total: 1, total_pages: 1 }
const ACCOUNT = { id: 'acc_1', merchant_id: 'mch_test', product_id: 'prod_pix_merchant', name: 'Loja', status: 'active', block_reason: null, pix_keys: ['k'], created_at: '2026-11-27T12:00:00Z', metadata: {} }
const BALANCE = { available: 500_000, pending: 0, blocked: 0, total: 500_000, currency: 'BRL', updated_at: '2026-11-27T12:00:00Z' }
const BATCH = {
  id: 'bat_1', name: 'Maio', status: 'awaiting_release', account_id: 'acc_1', line_count: 1, amount: 1250, currency: 'BRL',
  created_by: 'usr_maker', decided_by: null, decided_at: null, reason: '', expires_at: '2026-11-28T12:00:00Z',
  created_at: '2026-11-27T12:00:00Z', updated_at: '2026-11-27T12:00:00Z',
  totals: [{ status: 'waiting', line_count: 1, amount: 1250 }],
  lines: [{ number: 1, status: 'waiting', amount: 1250, pix_key: 'ana@example.com', pix_key_type: 'email', description: '', reference: '', payout_id: null, error_code: null }],
}
const ACCOUNTS = {
  'GET /api/v1/accounts': { data: [ACCOUNT], meta: META },
  'GET /api/v1/accounts/acc_1/balance': { data: BALANCE },
  'GET /api/v1/pix/payout-batches/bat_1': { data: BATCH },
}

afterEach(() => {
  signOut()
  document.body.innerHTML = ''
})

function button(text: string): HTMLButtonElement | undefined {
  return [...document.querySelectorAll('button')].find((one) => one.textContent?.trim().startsWith(text))
}

async function choose(page: Awaited<ReturnType<typeof mountPage>>, csv: string) {
  const input = page.find<HTMLInputElement>('input[type=file]')
  Object.defineProperty(input.element, 'files', { value: [new File([csv], 'Maio.csv', { type: 'text/csv' })] })
  await input.trigger('change')
  await settled()
}

describe('a new batch', () => {
  it('is not sent while a line is wrong and nobody has said to leave it out', async () => {
    const api = fakeApi({ ...ACCOUNTS, 'POST /api/v1/pix/payout-batches': { data: { ...BATCH, skipped: [] } } })
    const page = await mountPage(NewBatch)
    await choose(page, 'chave;valor\nana@example.com;12,50\nnobody;1')
    expect(button('Enviar para liberação')?.disabled).toBe(true)

    await page.find('input[type=checkbox]').setValue(true)
    await page.findAll('form').at(-1)!.trigger('submit')
    await settled()
    const sent = api.asked.filter((one) => one.method === 'POST')
    expect(sent.map((one) => one.body)).toEqual([
      { name: 'Maio', account_id: 'acc_1', lines: [{ recipient: { pix_key: 'ana@example.com' }, amount: 1250, description: '', reference: '' }] },
    ])
  })

  it('is written once, however often somebody clicks', async () => {
    const api = fakeApi({ ...ACCOUNTS, 'POST /api/v1/pix/payout-batches': { data: { ...BATCH, skipped: [] } } })
    const page = await mountPage(NewBatch)
    await choose(page, 'chave;valor\nana@example.com;12,50')
    const form = page.findAll('form').at(-1)!
    await Promise.all([form.trigger('submit'), form.trigger('submit')])
    await settled()
    expect(api.asked.filter((one) => one.method === 'POST')).toHaveLength(1)
  })

  it('keeps its key while nobody knows whether it was written', async () => {
    const api = fakeApi({ ...ACCOUNTS, 'POST /api/v1/pix/payout-batches': () => refusal(503, 'outcome_unknown') })
    const page = await mountPage(NewBatch)
    await choose(page, 'chave;valor\nana@example.com;12,50')
    const form = page.findAll('form').at(-1)!
    await form.trigger('submit')
    await settled()
    await form.trigger('submit')
    await settled()
    expect(page.text()).toContain('Não sabemos ainda se o lote foi salvo')
    const keys = api.asked.filter((one) => one.method === 'POST').map((one) => one.headers.get('Idempotency-Key'))
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

describe('the release of a batch', () => {
  const at = { at: '/batches/bat_1', path: '/batches/:id' }

  it('is not offered to who prepared it, who may withdraw it', async () => {
    fakeApi(ACCOUNTS)
    await mountPage(Batch, { ...at, claims: { sub: 'usr_maker' } })
    expect(button('Liberar')).toBeUndefined()
    expect(button('Retirar')).toBeDefined()
    expect(document.body.textContent).toContain('outra pessoa')
  })

  it('is not offered to who may not release at all', async () => {
    fakeApi(ACCOUNTS)
    await mountPage(Batch, { ...at, claims: { roles: ['operator'], permissions: ['pix:read', 'pix:write', 'accounts:read'] } })
    expect(button('Liberar')).toBeUndefined()
    expect(button('Recusar')).toBeUndefined()
  })

  it('is asked for with the amount, and sent once', async () => {
    const api = fakeApi({ ...ACCOUNTS, 'POST /api/v1/pix/payout-batches/bat_1/release': { data: { ...BATCH, status: 'releasing' } } })
    await mountPage(Batch, at)
    button('Liberar')!.click()
    await settled()
    const sure = button('Liberar R$')!
    sure.click()
    sure.click()
    await settled()
    expect(api.asked.filter((one) => one.method === 'POST').map((one) => one.path)).toEqual(['/api/v1/pix/payout-batches/bat_1/release'])
  })
})
