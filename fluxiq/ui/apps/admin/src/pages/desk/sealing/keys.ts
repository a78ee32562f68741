import type { components } from '@fluxiq/kit'

type Key = components['schemas']['SealingKeyShown']
export type KeyLife = 'current' | 'kept' | 'retires' | 'retired' | 'old'

/** Where a key is in its life. The root of the indexes is never replaced: it stays. */
export function lifeOf({ purpose, current, retired_at, retires_after }: Pick<Key, 'purpose' | 'current' | 'retired_at' | 'retires_after'>): KeyLife {
  if (retired_at !== null) return 'retired'
  if (current) return 'current'
  if (purpose === 'index') return 'kept'
  return retires_after === null ? 'old' : 'retires'
}
