import { describe, expect, it } from 'vitest'
import { isOver, standingOf } from './standing'

const NOW = Date.parse('2026-11-27T12:00:00Z')
const key = { revoked_at: null, expires_at: null, replaced_by: null }

describe('a key', () => {
  it.each([
    [{}, 'active', false],
    [{ expires_at: '2026-12-27T12:00:00Z' }, 'active', false],
    [{ expires_at: '2026-12-01T12:00:00Z' }, 'expires', false],
    [{ expires_at: '2026-11-27T12:00:00Z' }, 'expired', true],
    [{ expires_at: '2026-11-28T12:00:00Z', replaced_by: 'key_2' }, 'replaced', false],
    [{ expires_at: '2026-11-27T11:00:00Z', replaced_by: 'key_2' }, 'expired', true],
    [{ revoked_at: '2026-11-27T11:00:00Z', expires_at: '2026-11-26T12:00:00Z' }, 'revoked', true],
  ])('that has %j is %s', (life, standing, over) => {
    expect(standingOf({ ...key, ...life }, NOW)).toBe(standing)
    expect(isOver({ ...key, ...life }, NOW)).toBe(over)
  })
})
