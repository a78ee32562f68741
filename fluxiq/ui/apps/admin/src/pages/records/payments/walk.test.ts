import { describe, expect, it } from 'vitest'
import type { Step } from '../shared/records'
import { pathOf, wholeWalkMs } from './walk'

const step = (room: string, enteredMs: number, milliseconds: number): Step => ({
  room,
  entered_at: new Date(enteredMs).toISOString(),
  left_at: new Date(enteredMs + milliseconds).toISOString(),
  milliseconds,
  detail: '',
})

describe('the path of a payment', () => {
  it('tells the stay in each room from the wait before it', () => {
    const path = pathOf([step('door', 1000, 10), step('counter', 1010, 40), step('vault', 1250, 20)])
    expect(path.map((stop) => [stop.tookMs, stop.waitedMs])).toEqual([[10, 0], [40, 0], [20, 200]])
    expect(path.map((stop) => stop.share)).toEqual([0.25, 1, 0.5])
  })

  it('has no negative wait where two rooms work at once', () => {
    const path = pathOf([step('archive', 1000, 500), step('courier', 1100, 50), step('window', 1600, 1)])
    expect(path.map((stop) => stop.waitedMs)).toEqual([0, 0, 100])
  })

  it('shows a room that nobody told it about', () => {
    expect(pathOf([step('attic', 0, 1)])[0]).toMatchObject({ room: null, called: 'attic' })
  })

  it('is drawn of steps that took no time at all', () => {
    expect(pathOf([step('door', 0, 0)])[0]?.share).toBe(0)
  })

  it('lasts until the last room is left, whichever that is', () => {
    expect(wholeWalkMs([step('door', 1000, 10), step('archive', 1020, 900), step('courier', 1100, 50)])).toBe(920)
    expect(wholeWalkMs([])).toBe(0)
  })
})
