import { expect, it } from 'vitest'
import { localMinute } from './period'

it('says the minute that a moment is in, by the local clock', () => {
  const at = new Date(2026, 0, 5, 7, 9, 59)
  expect(localMinute(at)).toBe('2026-01-05T07:09')
  expect(new Date(localMinute(at)).getTime()).toBe(new Date(2026, 0, 5, 7, 9).getTime())
})
