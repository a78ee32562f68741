/**
 * The live socket of a page: one connection, that comes back by itself and goes on behind the last
 * event that was told. What happens to it is told to `owner`; docs/live.md is the protocol.
 */
export const TOPICS = ['payments', 'balances', 'deliveries', 'live_data', 'tree'] as const
export type LiveTopic = (typeof TOPICS)[number]
export type LiveState = 'live' | 'connecting' | 'paused' | 'offline'

export interface LiveMessage {
  type: string
  topic?: LiveTopic
  sequence?: number
  [field: string]: unknown
}

export interface SocketOwner {
  /** A token that is good, or null when nobody is signed in. */
  token: () => Promise<string | null>
  /** The token was refused: the next one, or null. */
  nextToken: (refused: string) => Promise<string | null>
  open: (query: string) => WebSocket
  message: (message: LiveMessage) => void
  state: (state: LiveState) => void
  /** Something may have been missed. */
  refetch: (topics: readonly LiveTopic[]) => void
}

const BACKOFF_MS = 500
const BACKOFF_MS_MAX = 30_000
/** The server pings twice a minute: silence is a connection that nobody told us is gone. */
const SILENCE_MS_MAX = 75_000

const UNAUTHORIZED = 4401
const SUSPENDED = 4403

export class LiveSocket {
  private socket: WebSocket | null = null
  private topics: readonly LiveTopic[] = []
  private since: number | null = null
  private token: string | null = null
  private asked = ''
  private attempts = 0
  /** On the way to a token: the next connection is begun already. */
  private isOpening = false
  private isReady = false
  private wasReady = false
  private timer: ReturnType<typeof setTimeout> | undefined
  private watchdog: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly owner: SocketOwner) {}

  /** From now on these topics and no others; none closes the connection. */
  want(topics: readonly LiveTopic[]): void {
    if (topics.join() === this.topics.join()) return
    this.topics = topics
    if (topics.length === 0) return this.close('paused')
    if (this.isReady) this.subscribe()
    else void this.connect()
  }

  /** Comes back at once, if it is wanted: the tab is looked at again, the network is back. */
  async connect(): Promise<void> {
    if (this.socket !== null || this.isOpening || this.topics.length === 0) return
    clearTimeout(this.timer)
    this.isOpening = true
    this.owner.state('connecting')
    this.token = await this.owner.token()
    this.isOpening = false
    if (this.token === null) return this.owner.state('offline')
    if (this.topics.length > 0) this.listen(this.owner.open(this.query()))
  }

  close(state: LiveState): void {
    clearTimeout(this.timer)
    this.drop()
    this.owner.state(state)
  }

  /** The same person goes on with another token. */
  renew(token: string): void {
    this.token = token
    if (this.isReady) this.say({ type: 'authenticate', token })
  }

  /** Asks for the topics once more: those that begin with a whole are told it again. */
  again(): void {
    if (this.isReady) this.subscribe()
  }

  /** Somebody else's numbers are other numbers. */
  forget(): void {
    this.close('offline')
    this.since = null
    this.wasReady = false
  }

  private listen(socket: WebSocket): void {
    this.socket = socket
    this.watch()
    socket.onopen = () => this.say({ type: 'authenticate', token: this.token })
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.hear(data)
    }
    socket.onclose = ({ code }) => {
      if (socket === this.socket) void this.lost(code)
    }
  }

  private hear(text: unknown): void {
    this.watch()
    const message = read(text)
    if (message === null) return
    switch (message.type) {
      case 'ready':
        return this.ready(message)
      case 'ping':
        return this.say({ type: 'pong' })
      case 'refetch':
        this.since = message.sequence ?? this.since
        return this.owner.refetch((message['topics'] as LiveTopic[] | undefined) ?? this.topics)
      case 'subscribed':
        this.since ??= message.sequence ?? null
        return
      case 'event':
        return this.event(message)
    }
    if (message.topic !== undefined) this.owner.message(message)
  }

  private ready(message: LiveMessage): void {
    this.isReady = true
    this.attempts = 0
    this.since ??= message.sequence ?? null
    this.owner.state('live')
    // They may have changed on the way in.
    if (this.topics.join() !== this.asked) this.subscribe()
    // Only events have numbers: of the other topics nobody knows what was missed.
    if (this.wasReady) this.owner.refetch(this.topics)
    this.wasReady = true
  }

  private event(message: LiveMessage): void {
    const { sequence } = message
    if (sequence === undefined || (this.since !== null && sequence <= this.since)) return
    this.since = sequence
    this.owner.message(message)
  }

  private async lost(code: number): Promise<void> {
    this.drop()
    if (code === SUSPENDED) return this.owner.state('offline')
    this.owner.state('connecting')
    if (code === UNAUTHORIZED && this.token !== null && !(await this.hasNextToken(this.token))) {
      return this.owner.state('offline')
    }
    this.comeBack()
  }

  private async hasNextToken(refused: string): Promise<boolean> {
    this.isOpening = true
    try {
      return (await this.owner.nextToken(refused)) !== null
    } catch {
      return true // nobody answers: that is no word about the session
    } finally {
      this.isOpening = false
    }
  }

  /** Later each time, and not all clients at once. */
  private comeBack(): void {
    const pause = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** this.attempts)
    this.attempts += 1
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.connect(), pause * (0.5 + Math.random() / 2))
  }

  private watch(): void {
    clearTimeout(this.watchdog)
    this.watchdog = setTimeout(() => void this.lost(0), SILENCE_MS_MAX)
  }

  private drop(): void {
    clearTimeout(this.watchdog)
    const { socket } = this
    this.socket = null
    this.isReady = false
    socket?.close()
  }

  private query(): string {
    this.asked = this.topics.join()
    const since = this.topics.includes('payments') && this.since !== null ? `&since=${this.since}` : ''
    return `topics=${this.asked}${since}`
  }

  private subscribe(): void {
    const since = this.topics.includes('payments') && this.since !== null ? { since: this.since } : {}
    this.say({ type: 'subscribe', topics: this.topics, ...since })
  }

  private say(message: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message))
  }
}

function read(text: unknown): LiveMessage | null {
  try {
    const message: unknown = JSON.parse(String(text))
    return typeof message === 'object' && message !== null && 'type' in message ? (message as LiveMessage) : null
  } catch {
    return null
  }
}
