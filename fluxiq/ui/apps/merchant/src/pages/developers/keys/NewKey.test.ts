import { type FakeApi, fakeApi, mountPage, refusal, settled, signOut } from '@fluxiq/kit/testing'
import type { VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import NewKey from './NewKey.vue'

const WHERE = 'POST /api/v1/merchants/mch_test/api-keys'
const SECRET = 'sk_live_12345678secret'

let server: FakeApi
let page: VueWrapper

const made = { id: 'key_1', merchant_id: 'mch_test', name: 'ERP', permissions: ['*'] }
const asked = () => server.asked.filter(({ method }) => method === 'POST')

async function create(times = 1) {
  for (let time = 0; time < times; time += 1) void page.get('form').trigger('submit')
  await settled()
}

beforeEach(async () => {
  server = fakeApi({ [WHERE]: { data: { ...made, key: SECRET } } })
  page = await mountPage(NewKey)
})

afterEach(() => {
  page.unmount()
  signOut()
})

describe('a new key', () => {
  it('without a name is not asked for, and the page says why', async () => {
    await create()
    expect(asked()).toHaveLength(0)
    expect(page.text()).toContain('Dê um nome à chave.')
  })

  it('is made once, however often somebody clicks, and its text is covered until asked for', async () => {
    await page.get('input[autocomplete="off"]').setValue(' ERP ')
    await create(3)
    expect(asked()).toHaveLength(1)
    expect(asked()[0]!.body).toMatchObject({ name: 'ERP', environment: 'live', allowed_networks: [] })
    expect(page.text()).toContain('Texto da chave ERP')
    expect(page.text()).not.toContain(SECRET)
  })

  it('that the API did not answer for is asked for again as the same one; its text may be lost by then', async () => {
    server.answer(WHERE, () => refusal(500, 'internal_error'))
    await page.get('input[autocomplete="off"]').setValue('ERP')
    await create()
    server.answer(WHERE, { data: made })
    await create()

    const [first, second] = asked()
    expect(second!.headers.get('Idempotency-Key')).toBe(first!.headers.get('Idempotency-Key'))
    expect(second!.body).toEqual(first!.body)
    expect(page.text()).toContain('o texto dela se perdeu no caminho')
  })

  it('that was refused keeps the form', async () => {
    server.answer(WHERE, () => refusal(403, 'forbidden'))
    await page.get('input[autocomplete="off"]').setValue('ERP')
    await create()
    expect(page.get<HTMLInputElement>('input[autocomplete="off"]').element.value).toBe('ERP')
    expect(page.find('[data-code="forbidden"]').exists()).toBe(true)
  })
})
