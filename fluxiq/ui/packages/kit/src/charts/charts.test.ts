import { beforeEach, describe, expect, it } from 'vitest'
import { setLocale } from '../i18n/i18n'
import { dataOf, seconds, span, timeLabels } from './line'
import { slices, sparkline } from './shapes'
import { inUnit, onAxis } from './units'

beforeEach(() => setLocale('pt-BR'))

describe('line', () => {
  it('counts moments in seconds, whatever they come as', () => {
    const iso = '2026-11-27T12:00:00Z'
    expect([iso, new Date(iso), 1_795_780_800].map(seconds)).toEqual([1_795_780_800, 1_795_780_800, 1_795_780_800])
  })

  it('has a gap where a series is shorter than the time', () => {
    expect(dataOf([1, 2, 3], [{ label: 'a', values: [5, null] }])).toEqual([[1, 2, 3], [5, null, null]])
  })

  it('is seen from zero, and has a height even when all is zero', () => {
    expect(span(80, 100)[0]).toBe(0)
    expect(span(-50, -10)[1]).toBe(0)
    expect(span(0, 0)).toEqual([0, 1])
    expect(span(null, null)).toEqual([0, 1])
  })

  it('writes seconds where minutes would all be the same', () => {
    const start = 1_795_780_800
    expect(timeLabels([start, start + 15], 'pt-BR').join()).toMatch(/^\d\d:\d\d:00,\d\d:\d\d:15$/)
  })

  it('writes hours within a day, and days beyond', () => {
    const start = 1_795_780_800
    expect(timeLabels([start, start + 3600], 'pt-BR').join()).toMatch(/^\d\d:\d\d,\d\d:\d\d$/)
    expect(timeLabels([start, start + 9 * 86_400], 'pt-BR').join()).toMatch(/^\d\d\/\d\d,\d\d\/\d\d$/)
  })
})

describe('shapes', () => {
  it('draws the lowest at the bottom, and lifts the pen at a gap', () => {
    expect(sparkline([0, null, 10, 5], 30, 20)).toBe('M0 18M20 2L30 10')
  })

  it('draws a level line in the middle, and nothing of nothing', () => {
    expect(sparkline([4, 4], 10, 20)).toBe('M0 10L10 10')
    expect(sparkline([null], 10, 20)).toBe('')
  })

  it('divides a ring, without a share for what is below zero', () => {
    expect(slices([3, -5, 1])).toEqual([
      { start: 0, share: 0.75 },
      { start: 0.75, share: 0 },
      { start: 0.75, share: 0.25 },
    ])
    expect(slices([0, 0]).map((slice) => slice.share)).toEqual([0, 0])
  })
})

describe('units', () => {
  it('says a value whole, and short at an axis', () => {
    expect(inUnit(123_456, 'money').replace(/\s/g, ' ')).toBe('R$ 1.234,56')
    expect(onAxis(1_234_567, 'count', 'pt-BR').replace(/\s/g, ' ')).toBe('1,2 mi')
    expect(inUnit(0.0123, 'seconds')).toBe('12 ms')
  })

  it.each([
    ['pt-BR', 20_000_000, 'R$ 200 mil'],
    ['pt-BR', 1_234_567, 'R$ 12,3 mil'],
    ['pt-BR', 50, 'R$ 0,5'],
    ['pt-BR', 0, 'R$ 0'],
    ['pt-BR', -150_000, '-R$ 1,5 mil'],
    ['en', 20_000_000, 'R$200K'],
    ['en', 1_234_567, 'R$12.3K'],
    ['en', 0, 'R$0'],
  ])('writes money at an axis as %s has it: %s is %s', (locale, centavos, written) => {
    expect(onAxis(centavos, 'money', locale).replace(/\s/g, ' ')).toBe(written)
  })

  it('has a dash for what is not known', () => {
    expect([null, undefined, NaN].map((value) => inUnit(value, 'count'))).toEqual(['—', '—', '—'])
  })
})
