import { describe, expect, it } from 'vitest'
import type { Step } from '../records'
import { lastedSeconds, worthTelling } from './walk'

const step = (room: string, entered_at: string, milliseconds = 0) => ({ room, detail: '', entered_at, milliseconds }) as Step

describe('a walk', () => {
  it('shows a row of screens once', () => {
    const walk = ['archive', 'window', 'window', 'courier', 'window'].map((room) => step(room, '2026-11-27T12:00:00Z'))
    expect(worthTelling(walk).map(({ room }) => room)).toEqual(['archive', 'window', 'courier', 'window'])
  })

  it('lasts until its last room is left', () => {
    expect(lastedSeconds([step('door', '2026-11-27T12:00:00Z', 400), step('vault', '2026-11-27T12:00:01Z', 250)])).toBe(1.25)
    expect(lastedSeconds([])).toBe(0)
  })
})
