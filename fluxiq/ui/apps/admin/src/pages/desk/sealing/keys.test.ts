import { expect, it } from 'vitest'
import { lifeOf } from './keys'

const key = { purpose: 'data' as const, current: false, retired_at: null, retires_after: null }

it('tells where a key is in its life', () => {
  expect(lifeOf({ ...key, current: true })).toBe('current')
  expect(lifeOf(key)).toBe('old')
  expect(lifeOf({ ...key, retires_after: '2026-12-01T00:00:00Z' })).toBe('retires')
  expect(lifeOf({ ...key, retires_after: '2026-12-01T00:00:00Z', retired_at: '2026-12-02T00:00:00Z' })).toBe('retired')
  expect(lifeOf({ ...key, purpose: 'index' })).toBe('kept')
})
