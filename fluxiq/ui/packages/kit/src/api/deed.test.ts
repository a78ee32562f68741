import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { type Deed, type DeedOptions, useDeed } from './deed'
import { ApiFailure } from './failure'

interface Payment {
  amount: number
}

let unmount = () => {}

function deed(options: DeedOptions<Payment, string>): Deed<Payment, string> {
  let made: Deed<Payment, string>
  const page = defineComponent({
    setup() {
      made = useDeed(options)
      return () => h('div')
    },
  })
  const wrapper = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: new QueryClient() }]] } })
  unmount = () => wrapper.unmount()
  return made!
}

function failure(status: number | null, code: string): ApiFailure {
  return new ApiFailure({ status, code, message: code, isDeed: true })
}

const keysOf = (run: ReturnType<typeof vi.fn>) => run.mock.calls.map((call) => call[1] as string)

afterEach(() => unmount())

describe('a deed', () => {
  it('is done once, however often somebody clicks', async () => {
    let answer: (text: string) => void = () => {}
    const run = vi.fn(() => new Promise<string>((resolve) => (answer = resolve)))
    const done = vi.fn()
    const pay = deed({ run, done })

    const clicks = [pay.start({ amount: 1 }), pay.start({ amount: 1 }), pay.start({ amount: 1 })]
    expect(pay.isRunning.value).toBe(true)
    answer('paid')
    await Promise.all(clicks)

    expect(run).toHaveBeenCalledTimes(1)
    expect(done).toHaveBeenCalledExactlyOnceWith('paid')
    expect(pay.result.value).toBe('paid')
    expect(pay.isRunning.value).toBe(false)
  })

  it('has one key while nobody knows how it ended, and says so', async () => {
    const run = vi.fn<() => Promise<string>>()
    run.mockRejectedValueOnce(failure(null, 'timeout'))
    run.mockRejectedValueOnce(failure(503, 'unavailable'))
    run.mockRejectedValueOnce(failure(401, 'unauthorized'))
    run.mockResolvedValueOnce('paid')
    const pay = deed({ run })

    for (const isUnknown of [true, true, true]) {
      await pay.start({ amount: 1 })
      expect(pay.isUnknown.value).toBe(isUnknown)
    }
    await pay.start({ amount: 1 })
    expect(pay.isUnknown.value).toBe(false)
    expect(pay.failure.value).toBeNull()
    expect(new Set(keysOf(run)).size).toBe(1)
  })

  it('that is unknown keeps its key, even when somebody changes the amount', async () => {
    const run = vi.fn<() => Promise<string>>()
    run.mockRejectedValueOnce(failure(500, 'internal_error'))
    run.mockRejectedValueOnce(failure(422, 'idempotency_key_reused'))
    const pay = deed({ run })

    await pay.start({ amount: 1 })
    await pay.start({ amount: 2 })
    expect(pay.isUnknown.value).toBe(true)
    expect(new Set(keysOf(run)).size).toBe(1)
  })

  it('that was refused is over: the next one is another', async () => {
    const run = vi.fn<() => Promise<string>>()
    run.mockRejectedValueOnce(failure(422, 'insufficient_funds'))
    run.mockResolvedValueOnce('paid')
    const pay = deed({ run })

    await pay.start({ amount: 1 })
    expect(pay.failure.value?.code).toBe('insufficient_funds')
    await pay.start({ amount: 1 })
    expect(new Set(keysOf(run)).size).toBe(2)
  })

  it('that was not let in yet has another key for other input, and the same for the same', async () => {
    const run = vi.fn<() => Promise<string>>().mockRejectedValue(failure(429, 'rate_limited'))
    const pay = deed({ run })

    await pay.start({ amount: 1 })
    await pay.start({ amount: 1 })
    await pay.start({ amount: 2 })
    const [first, second, third] = keysOf(run)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })

  it('begins anew after a reset, and with each success', async () => {
    const run = vi.fn<() => Promise<string>>().mockRejectedValueOnce(failure(null, 'timeout')).mockResolvedValue('paid')
    const pay = deed({ run })

    await pay.start({ amount: 1 })
    pay.reset()
    expect(pay.isUnknown.value).toBe(false)
    await pay.start({ amount: 1 })
    await pay.start({ amount: 1 })
    expect(new Set(keysOf(run)).size).toBe(3)
  })

  it('sends nobody anywhere who has left the page meanwhile', async () => {
    let answer: (text: string) => void = () => {}
    const done = vi.fn()
    const pay = deed({ run: () => new Promise((resolve) => (answer = resolve)), done })
    const click = pay.start({ amount: 1 })
    unmount()
    answer('paid')
    await click
    expect(done).not.toHaveBeenCalled()
  })
})
