import { describe, expect, it } from 'vitest'
import type { Payout } from '../../records'
import { type Facts, outcomeOf } from './outcome'

function facts(changes: Partial<Facts>): Facts {
  return { payout: undefined, isUnknown: false, isRunning: false, isRefused: false, waitedMs: 0, ...changes }
}
const processing = { status: 'processing' } as Payout

describe('what is said of a payment', () => {
  it('is that nobody knows, as long as no answer has come', () => {
    expect(outcomeOf(facts({ isUnknown: true, isRefused: true }))).toBe('unknown')
    expect(outcomeOf(facts({ isUnknown: true, isRunning: true }))).toBe('unknown')
  })

  it('is a refusal only when it is clear', () => {
    expect(outcomeOf(facts({ isRefused: true }))).toBe('refused')
    expect(outcomeOf(facts({ isRunning: true }))).toBe('sending')
  })

  it('is the end, when there is one', () => {
    expect(outcomeOf(facts({ payout: { status: 'confirmed' } as Payout, waitedMs: 60_000 }))).toBe('confirmed')
    expect(outcomeOf(facts({ payout: { status: 'failed' } as Payout }))).toBe('failed')
  })

  it('changes when it takes long', () => {
    expect(outcomeOf(facts({ payout: processing, waitedMs: 3_000 }))).toBe('processing')
    expect(outcomeOf(facts({ payout: processing, waitedMs: 25_000 }))).toBe('late')
  })
})
