import { type FakeApi, fakeApi, mountPage, settled, signOut } from '@fluxiq/kit/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineComponent, h } from 'vue'
import { localMinute, useResend } from './useResend'

let server: FakeApi
let resend: ReturnType<typeof useResend>

const Host = defineComponent({
  setup() {
    resend = useResend(() => 'whk_1')
    return () => h('div')
  },
})

beforeEach(async () => {
  server = fakeApi()
  await mountPage(Host)
})

afterEach(() => {
  document.body.innerHTML = ''
  signOut()
})

describe('sending a period again', () => {
  it('goes on where the API stopped, and counts both', async () => {
    const answers = [
      { scheduled: 10_000, next_start: '2026-11-26T10:00:00Z' },
      { scheduled: 7, next_start: null },
    ]
    server.answer('POST /api/v1/webhooks/whk_1/redeliver', () => ({ data: answers.shift()! }))
    resend.begin()
    await settled()
    expect(resend.sum.value).toBe(10_000)
    resend.goOn()
    await settled()

    const [first, second] = server.asked
    expect(second!.body).toEqual({ ...(first!.body as object), start: '2026-11-26T10:00:00Z' })
    expect(second!.headers.get('Idempotency-Key')).not.toBe(first!.headers.get('Idempotency-Key'))
    expect(resend.sum.value).toBe(10_007)
    resend.goOn()
    expect(server.asked).toHaveLength(2)
  })

  it('of a period that ends before it starts is not asked for', () => {
    resend.form.end = resend.form.start
    resend.begin()
    expect(resend.range.value).toBeNull()
    expect(server.asked).toHaveLength(0)
  })
})

it('a local minute is the one of the clock on the wall', () => {
  const at = new Date(2026, 10, 27, 9, 5)
  expect(localMinute(at)).toBe('2026-11-27T09:05')
})
