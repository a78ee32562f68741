import { afterEach, describe, expect, it } from 'vitest'
import { setLocale } from '../i18n/i18n'
import { ago, dateTime, day, duration } from './times'

const NOW = Date.parse('2026-11-27T12:00:00Z')

afterEach(() => setLocale('pt-BR'))

describe('times', () => {
  it.each([
    ['2026-11-27T11:59:30Z', 'agora'],
    ['2026-11-27T11:55:00Z', 'há 5 minutos'],
    ['2026-11-27T10:00:00Z', 'há 2 horas'],
    ['2026-11-26T12:00:00Z', 'ontem'],
    ['2026-11-29T12:00:00Z', 'depois de amanhã'],
    ['2025-10-01T12:00:00Z', 'ano passado'],
  ])('are told by how long ago: %s', (iso, text) => {
    expect(ago(iso, NOW)).toBe(text)
  })

  it('are told in English', () => {
    setLocale('en')
    expect(ago('2026-11-27T11:55:00Z', NOW)).toBe('5 minutes ago')
  })

  it('keep a day that is only a day, wherever one looks from', () => {
    expect(day('2026-11-01')).toBe('1 de nov. de 2026')
  })

  it('show what is no time as it is', () => {
    expect(dateTime('soon')).toBe('soon')
    expect(ago('soon', NOW)).toBe('soon')
  })

  it.each([
    [0.0031, '3,1 ms'],
    [0.85, '850 ms'],
    [12, '12 s'],
    [59.7, '1 min'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [86_400 * 4 + 3600 * 3, '4 d 3 h'],
  ])('lengths are written with their two largest units: %d', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})
