import { type Ref, onScopeDispose, readonly, shallowRef } from 'vue'
import { socketUrl } from '../api/config'
import { useSession } from '../session/session'
import { accessToken, onToken, refreshNow, signedInAgain } from '../session/tokens'
import { type LiveMessage, LiveSocket, type LiveState, type LiveTopic } from './socket'

export type { LiveMessage, LiveState, LiveTopic } from './socket'

const HIDDEN_MS_MAX = 60_000

const PERMISSION_OF: Record<LiveTopic, string> = {
  payments: 'pix:read',
  balances: 'accounts:read',
  deliveries: 'webhooks:read',
  live_data: 'live_data:read',
  tree: 'operations:read',
}
/** Topics that tell of one merchant: the institution's own people have none. */
const OF_A_MERCHANT = new Set<LiveTopic>(['payments', 'balances', 'deliveries'])

type Handler = (message: LiveMessage) => void

const handlers = new Map<LiveTopic, Set<Handler>>()
const missed = new Set<(topics: readonly LiveTopic[]) => void>()
const state = shallowRef<LiveState>('paused')

const socket = new LiveSocket({
  token: accessToken,
  // Often the first to hear that a session is over: the password is asked for at once.
  nextToken: async (refused) => (await refreshNow(refused)) ?? (await signedInAgain()),
  open: (query) => new WebSocket(socketUrl(`/api/v1/ws?${query}`)),
  message: (message) => {
    for (const handle of [...(handlers.get(message.topic!) ?? [])]) handle(message)
  },
  state: (next) => (state.value = next),
  refetch: (topics) => {
    for (const handle of missed) handle(topics)
  },
})

/** Hears of a topic while the component is there. Who may not hear of it hears nothing. */
export function useLive(topic: LiveTopic, handler: Handler): void {
  const one = handlers.get(topic) ?? new Set()
  handlers.set(topic, one.add(handler))
  subscribe()
  onScopeDispose(() => {
    one.delete(handler)
    subscribe()
  })
}

/** Hears when messages may have been lost, and what they were about has to be read again. */
export function onMissed(handler: (topics: readonly LiveTopic[]) => void): () => void {
  missed.add(handler)
  return () => missed.delete(handler)
}

/** Has topics that begin with a whole, as `tree` does, told from the beginning: something is missing. */
export function tellAgain(): void {
  socket.again()
}

/** How live the page is; `paused` where nothing is listened to. */
export function useLiveState(): Readonly<Ref<LiveState>> {
  return readonly(state)
}

/** Ties the socket to the session, the network and to whether anybody looks. Once a page. */
export function startLive(): void {
  let hidden: ReturnType<typeof setTimeout> | undefined
  onToken((token) => {
    if (token === null) return socket.forget()
    if (token !== '') socket.renew(token)
    subscribe()
  })
  window.addEventListener('online', () => void socket.connect())
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hidden)
    if (document.hidden) hidden = setTimeout(() => socket.close('paused'), HIDDEN_MS_MAX)
    else void socket.connect()
  })
}

let isDue = false

/** Once for all that change their mind together, as pages do that come and go. */
function subscribe(): void {
  if (isDue) return
  isDue = true
  setTimeout(() => {
    isDue = false
    socket.want([...handlers.keys()].filter((topic) => handlers.get(topic)!.size > 0 && mayHear(topic)))
  })
}

function mayHear(topic: LiveTopic): boolean {
  const { person, may } = useSession()
  return may(PERMISSION_OF[topic]) && (person?.merchantId !== null || !OF_A_MERCHANT.has(topic))
}
