import { describe, expect, it } from 'vitest'
import { dayAfter, dayInSaoPaulo, dayInUtc } from './saoPaulo'

describe('the day in São Paulo', () => {
  it('is still yesterday while UTC is three hours ahead', () => {
    expect(dayInSaoPaulo(new Date('2026-11-27T02:59:59Z'))).toBe('2026-11-26')
    expect(dayInSaoPaulo(new Date('2026-11-27T03:00:00Z'))).toBe('2026-11-27')
    expect(dayInUtc(new Date('2026-11-27T02:59:59Z'))).toBe('2026-11-27')
  })

  it('goes on over the end of months and years', () => {
    expect(dayAfter('2026-12-31', 1)).toBe('2027-01-01')
    expect(dayAfter('2028-03-01', -1)).toBe('2028-02-29')
    expect(dayAfter('2026-11-27', 365)).toBe('2027-11-27')
  })
})
