import { describe, expect, it } from 'vitest'
import { newestPages } from './lines'

describe('the pages of the newest lines', () => {
  it('is the first one where there is nothing, or little', () => {
    expect(newestPages(0, 100, 10)).toEqual([1])
    expect(newestPages(7, 100, 10)).toEqual([1])
  })

  it('are two where the newest lines lie over an edge', () => {
    expect(newestPages(203, 100, 10)).toEqual([2, 3])
    expect(newestPages(210, 100, 10)).toEqual([3])
    expect(newestPages(200, 100, 10)).toEqual([2])
  })

  it('never are more than what was asked for needs', () => {
    expect(newestPages(100_000, 100, 1000)).toHaveLength(10)
    expect(newestPages(100_001, 100, 1000)).toHaveLength(11)
  })
})
