import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EffectScope, effectScope } from 'vue'
import { fakeApi, testToken } from '../testing'
import { useSession } from '../session/session'
import { adopt, forget } from '../session/tokens'
import { startLive, useLive, useLiveState } from './live'
import type { LiveTopic } from './socket'

interface Opened {
  url: string
  readyState: number
  onmessage: ((event: { data: string }) => void) | null
  onopen: (() => void) | null
}

const opened: Opened[] = []
let scope: EffectScope
let isStarted = false

vi.stubGlobal(
  'WebSocket',
  class implements Opened {
    readyState = 1
    onmessage = null
    onopen = null
    constructor(readonly url: string) {
      opened.push(this)
    }
    send() {}
    close() {
      this.readyState = 3
    }
  },
)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(window.location, 'assign').mockImplementation(() => {})
  fakeApi()
  opened.length = 0
  setActivePinia(createPinia())
  useSession()
  if (!isStarted) startLive()
  isStarted = true
  scope = effectScope()
})

afterEach(async () => {
  scope.stop()
  forget()
  await pass(1)
  useSession().$dispose()
  vi.useRealTimers()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const last = () => opened.at(-1)!
const asked = () => new URL(last().url).searchParams.get('topics')

function listen(topic: LiveTopic, handler = vi.fn()) {
  scope.run(() => useLive(topic, handler))
  return handler
}

function signIn(claims: Record<string, unknown> = {}): void {
  adopt({ access_token: testToken(claims), expires_in: 900 })
}

function hide(isHidden: boolean): void {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(isHidden)
  document.dispatchEvent(new Event('visibilitychange'))
}

describe('what a page hears', () => {
  it('is one connection for all that it listens to', async () => {
    signIn()
    const payments = listen('payments')
    const balances = listen('balances')
    await pass(1)
    expect(opened).toHaveLength(1)
    expect(asked()).toBe('payments,balances')
    last().onmessage!({ data: '{"type":"ready","sequence":1}' })
    last().onmessage!({ data: '{"type":"balance","topic":"balances","balance":{}}' })
    expect(balances).toHaveBeenCalledTimes(1)
    expect(payments).not.toHaveBeenCalled()
    expect(useLiveState().value).toBe('live')
  })

  it('is nothing that would be refused, and would close it for the others', async () => {
    signIn({ roles: ['operator'], permissions: ['pix:read', 'live_data:read'] })
    for (const topic of ['payments', 'balances', 'deliveries', 'live_data', 'tree'] as const) listen(topic)
    await pass(1)
    expect(asked()).toBe('payments,live_data')
  })

  it('is nothing of a merchant for people of the institution', async () => {
    signIn({ merchant_id: null, permissions: ['*', 'operations:*'] })
    for (const topic of ['payments', 'balances', 'live_data', 'tree'] as const) listen(topic)
    await pass(1)
    expect(asked()).toBe('live_data,tree')
  })

  it('begins with the session, and ends with it', async () => {
    listen('payments')
    await pass(1)
    expect(opened).toHaveLength(0)
    signIn()
    await pass(1)
    expect(opened).toHaveLength(1)
    forget()
    expect(last().readyState).toBe(3)
  })

  it('ends with the last who listens', async () => {
    signIn()
    listen('payments')
    await pass(1)
    scope.stop()
    await pass(1)
    expect(last().readyState).toBe(3)
    expect(useLiveState().value).toBe('paused')
  })

  it('pauses when nobody has looked for a minute, and goes on when somebody does', async () => {
    signIn()
    listen('payments')
    await pass(1)
    last().onmessage!({ data: '{"type":"ready","sequence":7}' })
    hide(true)
    await pass(59_000)
    expect(last().readyState).toBe(1)
    await pass(2_000)
    expect(last().readyState).toBe(3)
    expect(useLiveState().value).toBe('paused')
    hide(false)
    await pass(1)
    expect(opened).toHaveLength(2)
    expect(new URL(last().url).searchParams.get('since')).toBe('7')
  })
})
