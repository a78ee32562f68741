import { covers } from '@fluxiq/kit'

export type Scope = string

/**
 * What a key of a merchant may be given, by what it is about. What is for all merchants of an
 * institution (`med:write`, `live_data:write`) no merchant's owner has to give.
 */
export const SCOPES = [
  { about: 'pix', may: ['read', 'write'] },
  { about: 'accounts', may: ['read', 'write'] },
  { about: 'transfers', may: ['read', 'write', 'approve'] },
  { about: 'payout_batches', may: ['release'] },
  { about: 'fees', may: ['read'] },
  { about: 'webhooks', may: ['read', 'write'] },
  { about: 'merchants', may: ['read'] },
  { about: 'users', may: ['read', 'write'] },
  { about: 'api_keys', may: ['read', 'write'] },
  { about: 'requests', may: ['read'] },
  { about: 'audit', may: ['read'] },
  { about: 'live_data', may: ['read'] },
] as const

export const ALL_SCOPES: readonly Scope[] = SCOPES.flatMap(({ about, may }) => may.map((one) => `${about}:${one}`))

/** What shops ask for most: charge, pay, refund, and see that it arrived. */
const SHOP: readonly Scope[] = ['pix:read', 'pix:write', 'accounts:read', 'transfers:read']

const READ_ONLY: readonly Scope[] = ['pix:read', 'accounts:read', 'transfers:read', 'fees:read', 'merchants:read', 'live_data:read']

/** Two people decide where two are wanted: a key that decides too is worth a second look. */
const WEIGHTY: ReadonlySet<Scope> = new Set(['api_keys:write', 'users:write', 'transfers:approve', 'payout_batches:release'])

export const PRESETS = ['shop', 'read', 'choose', 'all'] as const
export type Preset = (typeof PRESETS)[number]

/** The scopes of a preset, of those that whoever makes the key may give; `*` is what may come, too. */
export function scopesOf(preset: Preset, chosen: readonly Scope[], may: (scope: Scope) => boolean): Scope[] {
  if (preset === 'all') return ['*']
  const wanted = preset === 'shop' ? SHOP : preset === 'read' ? READ_ONLY : chosen
  return wanted.filter(may)
}

export function isWeighty(scopes: readonly Scope[]): boolean {
  return [...WEIGHTY].some((one) => covers(scopes, one))
}
