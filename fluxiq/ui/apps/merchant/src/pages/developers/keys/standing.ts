import type { IconName, Tone } from '@fluxiq/kit'
import type { ApiKey } from '../records'

export type Standing = 'active' | 'replaced' | 'expires' | 'expired' | 'revoked'

const SOON_MS = 7 * 86_400_000

export const STANDING_LOOKS: Record<Standing, { tone: Tone; icon: IconName }> = {
  active: { tone: 'good', icon: 'check-circle' },
  replaced: { tone: 'info', icon: 'repeat' },
  expires: { tone: 'warn', icon: 'clock' },
  expired: { tone: 'muted', icon: 'clock' },
  revoked: { tone: 'muted', icon: 'ban' },
}

type Life = Pick<ApiKey, 'revoked_at' | 'expires_at' | 'replaced_by'>

/** What a key is at this time. One that was replaced works on until its overlap is over. */
export function standingOf({ revoked_at, expires_at, replaced_by }: Life, now = Date.now()): Standing {
  if (revoked_at !== null) return 'revoked'
  const left = expires_at === null ? Infinity : Date.parse(expires_at) - now
  if (left <= 0) return 'expired'
  if (replaced_by !== null) return 'replaced'
  return left <= SOON_MS ? 'expires' : 'active'
}

export function isOver(key: Life, now = Date.now()): boolean {
  const standing = standingOf(key, now)
  return standing === 'revoked' || standing === 'expired'
}
