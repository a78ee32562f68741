import { describe, expect, it } from 'vitest'
import { endOf, given, startOf } from './paging'

describe('a query of filters', () => {
  it('leaves out what is empty and keeps a zero', () => {
    expect(given({ a: '', b: null, c: 0, d: 'x' })).toEqual({ c: 0, d: 'x' })
  })

  it('holds the whole last day, also where a clock is turned', () => {
    expect(Date.parse(endOf('2026-11-27')) - Date.parse(startOf('2026-11-27'))).toBeGreaterThanOrEqual(23 * 3_600_000)
    expect(endOf('2026-11-27')).toBe(startOf('2026-11-28'))
    expect(endOf('2026-12-31')).toBe(startOf('2027-01-01'))
  })

  it('asks for nothing by what is no day', () => {
    expect([startOf(''), endOf('gestern')]).toEqual(['', ''])
  })
})
