import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { ApiFailure } from '../api/failure'
import { Draft, send } from '../api/transport'
import { type Claims, claimsOf, covers } from './claims'
import {
  EXPIRED,
  type TokensSaid,
  accessToken,
  adopt,
  forget,
  heldToken,
  mayHaveSession,
  onToken,
  refreshNow,
  secondsLeft,
} from './tokens'

export interface Person {
  id: string
  /** Empty until it is known: a token has no name. */
  name: string
  role: Claims['role']
  merchantId: string | null
  ispb: string
  permissions: readonly string[]
}

export interface Credentials {
  document: string
  password: string
  totp?: string | undefined
  ispb?: string | undefined
}

const SOON_SECONDS = 120
const LOOK_EVERY_MS = 15_000

/** Who is signed in, and what they may do. */
export const useSession = defineStore('session', () => {
  const claims = shallowRef<Claims | null>(null)
  const name = ref('')
  const document = ref('')
  const isExpired = ref(false)
  const expiresSoon = ref(false)

  const isSignedIn = computed(() => claims.value !== null)
  const mustChangePassword = computed(() => claims.value?.mustChangePassword ?? false)
  const person = computed<Person | null>(() => {
    if (claims.value === null) return null
    const { userId, role, merchantId, ispb, permissions } = claims.value
    return { id: userId, name: name.value, role, merchantId, ispb, permissions }
  })

  const deaf = onToken((token) => {
    if (token === EXPIRED) {
      isExpired.value = true
      return
    }
    const next = token === null ? null : claimsOf(token)
    const before = claims.value
    if (before !== null && next?.userId !== before.userId) leave()
    claims.value = next
    isExpired.value = expiresSoon.value = false
    if (token !== null && next !== null && !next.mustChangePassword && name.value === '') void learnName(token)
  })

  const looking = setInterval(() => void stayAhead(), LOOK_EVERY_MS)
  onScopeDispose(() => {
    deaf()
    clearInterval(looking)
  })

  /** Keeps the token fresh while somebody looks; tells when that does not work for long. */
  async function stayAhead(): Promise<void> {
    if (claims.value === null || isExpired.value || window.document.hidden) return
    await accessToken()
    expiresSoon.value = secondsLeft() < SOON_SECONDS
  }

  /** To greet somebody. Where it does not come, the role stands for it. */
  async function learnName(token: string): Promise<void> {
    const headers = { Authorization: `Bearer ${token}` }
    try {
      const answer = await send(new Draft('/api/v1/auth/me', { headers }))
      name.value = ((await answer.json()) as { data: { name: string } }).data.name
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error
    }
  }

  function may(permission: string): boolean {
    return claims.value !== null && covers(claims.value.permissions, permission)
  }

  /** Raises `ApiFailure`: `totp_required`, `login_failed`, `validation_failed` of `ispb` … */
  async function login(credentials: Credentials): Promise<void> {
    const { document: text, password, totp, ispb } = credentials
    const body = { document: text, password, cookie: true, ...(totp && { totp }), ...(ispb && { ispb }) }
    adopt(await tokens('/api/v1/auth/login', body))
    document.value = text
  }

  /** Everywhere else one's sessions end; this one goes on anew. */
  async function changePassword(current: string, next: string): Promise<void> {
    const body = { current_password: current, new_password: next, cookie: true }
    adopt(await tokens('/api/v1/auth/password', body, await accessToken()))
  }

  async function logout(): Promise<void> {
    const token = heldToken()
    try {
      if (token !== null && !isExpired.value) await tell('/api/v1/auth/logout', undefined, token)
    } catch (error) {
      // Whoever wants to go, goes: the cookie of a session that nobody ends is good for some days.
      if (!(error instanceof ApiFailure)) throw error
    }
    forget()
  }

  /** The session that an earlier page left, if there is one. */
  async function restore(): Promise<void> {
    if (claims.value === null && mayHaveSession()) await refreshNow(null)
  }

  return {
    claims,
    document,
    name,
    person,
    isSignedIn,
    isExpired,
    expiresSoon,
    mustChangePassword,
    may,
    login,
    changePassword,
    logout,
    restore,
  }
})

export type Session = ReturnType<typeof useSession>

async function tokens(path: string, body: object, token: string | null = null): Promise<TokensSaid> {
  const answer = await tell(path, body, token)
  return ((await answer.json()) as { data: TokensSaid }).data
}

function tell(path: string, body: object | undefined, token: string | null): Promise<Response> {
  const headers = new Headers({ 'Content-Type': 'application/json' })
  if (token !== null) headers.set('Authorization', `Bearer ${token}`)
  const sent = body === undefined ? null : JSON.stringify(body)
  return send(new Draft(path, { method: 'POST', headers, body: sent, credentials: 'include' }))
}

/** Somebody else, or nobody: nothing of what this page knows may stay. */
function leave(): void {
  window.location.assign('/')
}
