import { describe, expect, it } from 'vitest'
import { canCancel, canRetry, countedStates, JOB_STATES } from './states'

describe('the orders that a job takes', () => {
  it('is never tried again once it was done', () => {
    expect(JOB_STATES.filter(canRetry)).toEqual(['scheduled', 'retryable', 'discarded', 'cancelled'])
  })

  it('is called off only before it ended', () => {
    expect(JOB_STATES.filter(canCancel)).toEqual(['scheduled', 'available', 'executing', 'retryable'])
  })
})

describe('the states of a kind', () => {
  it('come in the order of a life, without the empty ones', () => {
    expect(countedStates({ discarded: 2, available: 1, executing: 0 })).toEqual([
      { state: 'available', n: 1 },
      { state: 'discarded', n: 2 },
    ])
  })
})
