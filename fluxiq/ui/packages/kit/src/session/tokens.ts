import { ApiFailure } from '../api/failure'
import { Draft, send } from '../api/transport'
import { claimsOf } from './claims'

/**
 * The access token: in the memory of the page alone. What makes the next one is a cookie that no
 * script can read; it is good once, so one refresh is in flight, among all tabs of this origin.
 *
 * Times are by the page's monotonic clock from the answer's arrival on: the wall clock may be wrong.
 */
interface Held {
  token: string
  /** By `performance.now()`. */
  until: number
}

export interface TokensSaid {
  access_token: string
  expires_in: number
}

type Heard = (token: string | null) => void

/** A token is exchanged so long before its end, so that no request meets the end on its way. */
const LEEWAY_MS = 30_000
const LOCK = 'fluxiq-refresh'
/** Says that there may be a cookie: who never logged in here needs not ask. It is no secret. */
const HINT = 'fluxiq-session'

let held: Held | null = null
let refreshing: Promise<string | null> | null = null
const listeners = new Set<Heard>()
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('fluxiq-session')

channel?.addEventListener('message', ({ data }: MessageEvent<TokensSaid | null>) => {
  if (data === null) drop()
  else hold(data)
})

/** Hears of every token, and of null when the session is over. */
export function onToken(heard: Heard): () => void {
  listeners.add(heard)
  return () => listeners.delete(heard)
}

export function heldToken(): string | null {
  return held?.token ?? null
}

/** How long the token is good for; 0 without one. */
export function secondsLeft(): number {
  return held === null ? 0 : Math.max(0, (held.until - performance.now()) / 1000)
}

/** A token that is good for a while, or null. The old one where no new one can be had right now. */
export async function accessToken(): Promise<string | null> {
  if (held === null || held.until - performance.now() > LEEWAY_MS) return heldToken()
  try {
    return (await refreshNow(held.token)) ?? (await signedInAgain())
  } catch {
    return heldToken()
  }
}

/** Tokens that the API gave: by a log-in, or by a new password. Other tabs are told. */
export function adopt(said: TokensSaid): void {
  hold(said)
  channel?.postMessage(said)
}

/** Forgets the session, here and in the other tabs. */
export function forget(): void {
  drop()
  channel?.postMessage(null)
}

/**
 * The token after `stale` (null: the first of this page); null when the session is over. Raises
 * `ApiFailure` when nobody answers: then nothing is known, and the session is not over.
 */
export function refreshNow(stale: string | null): Promise<string | null> {
  refreshing ??= exclusively(() => refresh(stale)).finally(() => {
    refreshing = null
  })
  return refreshing
}

/** Whether it is worth asking for a session that an earlier page may have left. */
export function mayHaveSession(): boolean {
  return localStorage.getItem(HINT) !== null
}

/**
 * The next token of the same person, who is asked for the password meanwhile; null when they give
 * up, or when nobody was signed in.
 */
export function signedInAgain(): Promise<string | null> {
  const before = held === null ? null : claimsOf(held.token)?.userId
  if (before === null || before === undefined) return Promise.resolve(null)
  return new Promise((resolve) => {
    const stop = onToken((token) => {
      if (token === EXPIRED) return
      stop()
      resolve(token !== null && claimsOf(token)?.userId === before ? token : null)
    })
    for (const heard of listeners) heard(EXPIRED)
  })
}

/** What listeners hear when the session is over and somebody could sign in again. */
export const EXPIRED = ''

async function refresh(stale: string | null): Promise<string | null> {
  // Another tab may have been quicker.
  if (held !== null && held.token !== stale) return held.token

  const headers = { 'Content-Type': 'application/json' }
  const draft = new Draft('/api/v1/auth/refresh', { method: 'POST', headers, body: '{}', credentials: 'include' })
  try {
    // A page that is left now still has to keep the new cookie: the old one is used up.
    const answer = await send(draft, { keepalive: true })
    const said = ((await answer.json()) as { data: TokensSaid }).data
    adopt(said)
    return said.access_token
  } catch (error) {
    if (!(error instanceof ApiFailure) || (error.status !== 401 && error.status !== 403)) throw error
    localStorage.removeItem(HINT)
    return null
  }
}

/** Locks are there in secure contexts; elsewhere one page keeps to one refresh by itself. */
function exclusively<T>(work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return work()
  return navigator.locks.request(LOCK, work) as Promise<T>
}

function hold(said: TokensSaid): void {
  held = { token: said.access_token, until: performance.now() + said.expires_in * 1000 }
  localStorage.setItem(HINT, '1')
  for (const heard of [...listeners]) heard(held.token)
}

function drop(): void {
  held = null
  localStorage.removeItem(HINT)
  for (const heard of [...listeners]) heard(null)
}
