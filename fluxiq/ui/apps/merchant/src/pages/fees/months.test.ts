import { expect, it } from 'vitest'
import { monthText } from './months'

it('names a month by its first day, wherever the reader is', () => {
  expect(monthText('2026-11-01', 'pt-BR')).toBe('nov. de 2026')
  expect(monthText('2026-01-01', 'en')).toBe('Jan 2026')
})
