import { describe, expect, it } from 'vitest'
import { asked, endedIn, perSecond, SPANS, successShare } from './span'

describe('a span of the overview', () => {
  it('is at most 170 buckets wide, and ends now', () => {
    const width = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }
    for (const span of SPANS) {
      const { bucket, since, until } = asked(span, 1_800_000_000_000)
      expect(Date.parse(until)).toBe(1_800_000_000_000)
      expect((Date.parse(until) - Date.parse(since)) / width[bucket]).toBeLessThanOrEqual(170)
    }
  })

  it('counts what ended, well or not', () => {
    expect(endedIn({ charges_paid: 2, payouts_confirmed: 3, payouts_failed: 1 })).toBe(6)
    expect(perSecond({ charges_paid: 120 }, 'minute')).toBe(2)
  })

  it('says nothing of success where nothing ended', () => {
    expect(successShare({ charges_paid: 5 })).toBeNull()
    expect(successShare({ payouts_confirmed: 3, payouts_failed: 1 })).toBe(0.75)
  })
})
