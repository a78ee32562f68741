import { fakeApi, mountPage, refusal, settled } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type { VueWrapper } from '@vue/test-utils'
import DeadLetter from './DeadLetter.vue'

const CLAIMS = { permissions: ['*', 'operations:*'], merchant_id: null }
const LETTER = {
  id: 17,
  state: 'dead',
  subject: 'FLUXIQ.12345678.pix.in.0',
  work: 'settle_receipt',
  reference: 'evt_1',
  payment_id: 'E1234567820261127012345678901234',
  attempts: 3,
  failures: 5,
  first_failed_at: '2026-11-27T00:00:00Z',
  died_at: '2026-11-27T00:01:00Z',
  decided_at: null,
  reason: null,
  error: 'ZeroDivisionError: division by zero',
  body: '{"amount": 100}',
}

let page: VueWrapper | undefined
afterEach(() => {
  page?.unmount()
  document.body.innerHTML = ''
})

const AT = { path: '/dead-letters/:id', claims: CLAIMS }
const button = (name: string) => [...document.querySelectorAll('button')].filter((one) => one.textContent?.trim() === name)

async function replay() {
  button('Reenviar').at(0)?.click()
  await settled()
  const box = document.querySelector<HTMLTextAreaElement>('[role=alertdialog] textarea')
  if (box === null) throw new Error('nobody asks why')
  box.value = 'repaired'
  box.dispatchEvent(new Event('input'))
  await settled()
  button('Reenviar').at(-1)?.click()
  await settled()
}

describe('a dead letter', () => {
  it('shows what went wrong, and is replayed with a reason, in the institution that was named', async () => {
    const api = fakeApi({
      'GET /api/v1/operations/dead-letters/17': { data: LETTER },
      'POST /api/v1/operations/dead-letters/17/replay': { data: { replayed: [17] } },
    })
    page = await mountPage(DeadLetter, { ...AT, at: '/dead-letters/17?institution=87654321' })
    expect(page.text()).toContain('ZeroDivisionError')

    await replay()
    const sent = api.asked.find(({ method }) => method === 'POST')
    expect(sent?.body).toEqual({ reason: 'repaired' })
    expect(sent?.query.get('institution')).toBe('87654321')
    expect(sent?.headers.get('Idempotency-Key')).toBeTruthy()
  })

  it('says that a deed for two is only proposed, and where it is approved', async () => {
    fakeApi({
      'GET /api/v1/operations/dead-letters/17': { data: LETTER },
      'POST /api/v1/operations/dead-letters/17/replay': () =>
        refusal(409, 'needs_approval', 'proposed', { approval_id: 'apr_1', expires_at: '2026-11-27T00:15:00+00:00' }),
    })
    page = await mountPage(DeadLetter, { ...AT, at: '/dead-letters/17' })
    await replay()
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('Outra pessoa precisa aprovar')
    expect(document.querySelector('[role=dialog] a[href="/approvals"]')).not.toBeNull()
  })

  it('takes no more orders once it is decided', async () => {
    fakeApi({ 'GET /api/v1/operations/dead-letters/17': { data: { ...LETTER, state: 'discarded', reason: 'nobody wants it' } } })
    page = await mountPage(DeadLetter, { ...AT, at: '/dead-letters/17' })
    expect(page.text()).toContain('nobody wants it')
    expect(button('Reenviar')).toEqual([])
    expect(button('Descartar')).toEqual([])
  })

  it('is forbidden to another institution, and says why', async () => {
    fakeApi({ 'GET /api/v1/operations/dead-letters/17': () => refusal(403, 'not_an_operator', 'another institution is not yours to see') })
    page = await mountPage(DeadLetter, { ...AT, at: '/dead-letters/17?institution=87654321' })
    expect(page.find('[data-state=forbidden]').text()).toContain('another institution is not yours to see')
  })
})
