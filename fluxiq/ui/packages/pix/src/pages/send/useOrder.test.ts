import { fakeApi, jsonAnswer, mountPage, refusal } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { type Order, useOrder } from './useOrder'

const ORDER: Order = {
  account_id: 'acc_1',
  amount: 4000,
  recipient: { pix_key: 'maria@example.com' },
  description: '',
  scheduled_for: null,
}
const CONFIRMED = { data: { id: 'pay_1', status: 'confirmed', amount: 4000 } }

let following: ReturnType<typeof useOrder>
const page = defineComponent({
  setup() {
    following = useOrder()
    return () => h('div')
  },
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function mounted(answers: (() => Response | object)[]) {
  const api = fakeApi({ 'POST /api/v1/pix/payouts': () => answers.shift()?.() ?? CONFIRMED })
  const wrapper = await mountPage(page)
  const orders = () => api.asked.filter((one) => one.method === 'POST')
  return { wrapper, orders, keys: () => new Set(orders().map((one) => one.headers.get('Idempotency-Key'))) }
}

function lost(): never {
  throw new TypeError('the network is gone')
}

describe('an order', () => {
  it('is sent once, however often somebody clicks', async () => {
    const { wrapper, orders } = await mounted([() => jsonAnswer(CONFIRMED, 202)])
    await Promise.all([following.order(ORDER), following.order(ORDER), following.order(ORDER)])

    expect(orders()).toHaveLength(1)
    expect(following.payout.value?.status).toBe('confirmed')
    wrapper.unmount()
  })

  it('is asked about under the same key while nobody knows, and also when we are told to wait', async () => {
    const { wrapper, orders, keys } = await mounted([lost, () => refusal(429, 'rate_limited'), () => jsonAnswer(CONFIRMED, 202)])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ordering = following.order(ORDER)

    await vi.advanceTimersByTimeAsync(1000)
    expect(following.isUnknown.value).toBe(true)
    await vi.advanceTimersByTimeAsync(2000)
    expect(orders()).toHaveLength(2)
    expect(following.isUnknown.value).toBe(true)
    await vi.advanceTimersByTimeAsync(10_000)
    await ordering

    expect(keys().size).toBe(1)
    expect(following.isUnknown.value).toBe(false)
    expect(following.payout.value?.id).toBe('pay_1')
    wrapper.unmount()
  })

  it('that is refused is no unknown one, and the next try is another intent', async () => {
    const { wrapper, keys } = await mounted([() => refusal(422, 'insufficient_funds')])
    await following.order(ORDER)
    expect(following.isUnknown.value).toBe(false)
    expect(following.failure.value?.code).toBe('insufficient_funds')

    await following.order(ORDER)
    expect(keys().size).toBe(2)
    wrapper.unmount()
  })
})
