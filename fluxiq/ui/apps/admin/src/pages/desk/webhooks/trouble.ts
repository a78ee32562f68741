import type { EndpointHealth } from '../shared/records'

export type Trouble = 'none' | 'failing' | 'resting' | `disabled_${NonNullable<EndpointHealth['disabled_reason']>}`

type Known = Pick<EndpointHealth, 'disabled_at' | 'disabled_reason' | 'failing_since' | 'breaker'>

/** What is worst about an endpoint: nothing is sent, nothing is sent for now, or nothing arrives. */
export function troubleOf({ disabled_at, disabled_reason, failing_since, breaker }: Known): Trouble {
  if (disabled_at !== null) return `disabled_${disabled_reason ?? 'merchant'}`
  if (breaker !== null && breaker !== 'closed') return 'resting'
  return failing_since === null ? 'none' : 'failing'
}

/** Attempts of the last day over endpoints, and how many of them arrived. */
export function dayOf(endpoints: readonly Pick<EndpointHealth, 'attempts_day' | 'delivered_day'>[]) {
  const sum = (key: 'attempts_day' | 'delivered_day') => endpoints.reduce((total, one) => total + one[key], 0)
  return { attempts: sum('attempts_day'), delivered: sum('delivered_day') }
}
