import { describe, expect, it } from 'vitest'
import { isPeriodName, spansOf, trendOf } from './period'

const NOON_SEVEN = Date.parse('2026-11-27T12:07:31Z')

describe('periods of the dashboard', () => {
  it('end with the hour that is running, and follow one another without a gap', () => {
    const { current, before } = spansOf('day', NOON_SEVEN)
    expect(current).toEqual({ bucket: 'hour', since: '2026-11-26T13:00:00.000Z', until: '2026-11-27T13:00:00.000Z' })
    expect(before.until).toBe(current.since)
    expect(before.since).toBe('2026-11-25T13:00:00.000Z')
  })

  it('stay the same question while the hour lasts', () => {
    expect(spansOf('week', NOON_SEVEN)).toEqual(spansOf('week', NOON_SEVEN + 50 * 60_000))
    expect(spansOf('week', NOON_SEVEN)).not.toEqual(spansOf('week', NOON_SEVEN + 60 * 60_000))
  })

  it('are counted by days where hours would be too many to see', () => {
    expect(spansOf('quarter', NOON_SEVEN).current.bucket).toBe('day')
  })

  it('are known by name', () => {
    expect([isPeriodName('week'), isPeriodName('year')]).toEqual([true, false])
  })

  it('have a trend only beside something', () => {
    expect(trendOf(150, 100)).toBe(0.5)
    expect(trendOf(50, 100)).toBe(-0.5)
    expect([trendOf(5, 0), trendOf(null, 1), trendOf(1, undefined)]).toEqual([null, null, null])
  })
})
