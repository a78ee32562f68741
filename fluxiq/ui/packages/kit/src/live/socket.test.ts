import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LiveMessage, LiveSocket, type LiveState, type LiveTopic } from './socket'

class FakeSocket {
  readyState = 0
  sent: Record<string, unknown>[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(readonly query: string) {}

  open(): this {
    this.readyState = 1
    this.onopen?.()
    return this
  }

  say(message: object | string): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }

  ready(sequence?: number): this {
    this.open().say({ type: 'ready', ...(sequence !== undefined && { sequence }) })
    return this
  }

  event(sequence: number): void {
    this.say({ type: 'event', topic: 'payments', sequence, event: { id: `evt_${sequence}` } })
  }

  lose(code = 1006): void {
    this.readyState = 3
    this.onclose?.({ code })
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.readyState = 3
  }
}

let opened: FakeSocket[]
let heard: LiveMessage[]
let states: LiveState[]
let missed: (readonly LiveTopic[])[]
let token: string | null
const nextToken = vi.fn<(refused: string) => Promise<string | null>>()

function newSocket(): LiveSocket {
  return new LiveSocket({
    token: async () => token,
    nextToken,
    open: (query) => {
      const socket = new FakeSocket(query)
      opened.push(socket)
      return socket as unknown as WebSocket
    },
    message: (message) => heard.push(message),
    state: (state) => states.push(state),
    refetch: (topics) => missed.push(topics),
  })
}

const last = () => opened.at(-1)!
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  vi.useFakeTimers()
  opened = []
  heard = []
  states = []
  missed = []
  token = 'token-1'
  nextToken.mockReset().mockResolvedValue('token-2')
})

afterEach(() => vi.useRealTimers())

describe('the live socket', () => {
  it('authenticates first, and answers pings', async () => {
    newSocket().want(['payments', 'balances'])
    await pass(0)
    expect(last().query).toBe('topics=payments,balances')
    last().ready(41).say({ type: 'ping' })
    expect(last().sent).toEqual([{ type: 'authenticate', token: 'token-1' }, { type: 'pong' }])
    expect(states).toEqual(['connecting', 'live'])
  })

  it('comes back behind the last event, and tells none twice', async () => {
    newSocket().want(['payments'])
    await pass(0)
    last().ready(41).event(42)
    last().event(42)
    last().event(43)
    last().lose()
    await pass(500)
    expect(last().query).toBe('topics=payments&since=43')
    last().ready(45).event(43)
    last().event(44)
    expect(heard.map(({ sequence }) => sequence)).toEqual([42, 43, 44])
    expect(missed).toEqual([['payments']])
  })

  it('goes on above the gap when the server says what will not come', async () => {
    newSocket().want(['payments'])
    await pass(0)
    last().ready(41).say({ type: 'refetch', topics: ['payments'], since: 41, sequence: 5041 })
    last().event(5041)
    last().event(5042)
    expect(missed).toEqual([['payments']])
    expect(heard.map(({ sequence }) => sequence)).toEqual([5042])
  })

  it('waits longer each time, and half a minute at most', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    newSocket().want(['payments'])
    await pass(0)
    for (const ms of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before = opened.length
      last().lose(1013)
      await pass(ms - 1)
      expect(opened).toHaveLength(before)
      await pass(1)
      expect(opened).toHaveLength(before + 1)
    }
  })

  it('takes another token where this one was refused', async () => {
    newSocket().want(['payments'])
    await pass(0)
    last().open().lose(4401)
    await pass(0)
    expect(nextToken).toHaveBeenCalledExactlyOnceWith('token-1')
    await pass(500)
    expect(opened).toHaveLength(2)
  })

  it.each([
    ['the session is over', 4401],
    ['the institution is suspended', 4403],
  ])('stays away when %s', async (_, code) => {
    nextToken.mockResolvedValue(null)
    newSocket().want(['payments'])
    await pass(0)
    last().ready(1).lose(code)
    await pass(120_000)
    expect(opened).toHaveLength(1)
    expect(states.at(-1)).toBe('offline')
  })

  it('comes back when nobody could say whether the session is over', async () => {
    nextToken.mockRejectedValue(new Error('unreachable'))
    newSocket().want(['payments'])
    await pass(0)
    last().open().lose(4401)
    await pass(500)
    expect(opened).toHaveLength(2)
  })

  it('takes a long silence for a connection that is gone', async () => {
    newSocket().want(['balances'])
    await pass(0)
    const first = last().ready()
    await pass(74_000)
    first.say({ type: 'ping' })
    await pass(74_000)
    expect(opened).toHaveLength(1)
    await pass(2_000)
    expect(first.readyState).toBe(3)
    expect(opened).toHaveLength(2)
  })

  it('subscribes anew when other topics are wanted, and leaves when none is', async () => {
    const socket = newSocket()
    socket.want(['balances'])
    await pass(0)
    socket.want(['balances', 'payments'])
    last().ready()
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', topics: ['balances', 'payments'] })
    last().say({ type: 'subscribed', topics: ['balances', 'payments'], sequence: 7 })
    socket.want(['payments'])
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', topics: ['payments'], since: 7 })
    socket.want([])
    expect(last().readyState).toBe(3)
    expect(states.at(-1)).toBe('paused')
    await pass(120_000)
    expect(opened).toHaveLength(1)
  })

  it('asks for its topics once more when something is missing, and not before it is let in', async () => {
    const socket = newSocket()
    socket.want(['tree'])
    await pass(0)
    socket.again()
    expect(last().sent).toEqual([])
    last().ready()
    socket.again()
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', topics: ['tree'] })
  })

  it('goes on with the next token of the same person', async () => {
    const socket = newSocket()
    socket.want(['payments'])
    await pass(0)
    last().ready(1)
    socket.renew('token-2')
    expect(last().sent.at(-1)).toEqual({ type: 'authenticate', token: 'token-2' })
  })

  it('does not mind what it does not understand', async () => {
    newSocket().want(['payments'])
    await pass(0)
    last().ready(1)
    for (const text of ['', 'nothing', '[]', 'null', '{"type":5}', '{"topic":"payments"}']) last().say(text)
    last().event(2)
    expect(heard).toHaveLength(1)
  })

  it('is not opened twice by who asks twice', async () => {
    const socket = newSocket()
    socket.want(['payments'])
    void socket.connect()
    void socket.connect()
    await pass(0)
    expect(opened).toHaveLength(1)
  })

  it('that was closed while it waited for the token is not opened', async () => {
    const socket = newSocket()
    socket.want(['payments'])
    socket.want([])
    await pass(0)
    expect(opened).toHaveLength(0)
  })
})
