import { describe, expect, it } from 'vitest'
import { dayOf, troubleOf } from './trouble'

const well = { disabled_at: null, disabled_reason: null, failing_since: null, breaker: 'closed' }

describe('the trouble of an endpoint', () => {
  it('is none while it answers, or nobody is at work on it', () => {
    expect(troubleOf(well)).toBe('none')
    expect(troubleOf({ ...well, breaker: null })).toBe('none')
  })

  it('is that it is disabled, whatever else there is', () => {
    const gone = { ...well, disabled_at: '2026-11-27T00:00:00Z', disabled_reason: 'gone' as const, breaker: 'open' }
    expect(troubleOf(gone)).toBe('disabled_gone')
  })

  it('is that it is left alone before that it fails', () => {
    expect(troubleOf({ ...well, failing_since: '2026-11-27T00:00:00Z', breaker: 'open' })).toBe('resting')
    expect(troubleOf({ ...well, failing_since: '2026-11-27T00:00:00Z' })).toBe('failing')
  })
})

it('counts the attempts of all endpoints', () => {
  expect(dayOf([{ attempts_day: 5, delivered_day: 4 }, { attempts_day: 3, delivered_day: 3 }])).toEqual({ attempts: 8, delivered: 7 })
})
