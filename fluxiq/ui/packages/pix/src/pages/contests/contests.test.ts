import { describe, expect, it } from 'vitest'
import type { Contest } from '../../records'
import { isOver, isUndecided, useContestHistory } from './history'
import { isContestable } from './useContest'

const DAY = 86_400_000
const PAID_AT = '2026-11-01T12:00:00Z'
const paid = { status: 'confirmed' as const, amount: 5000, returned_amount: 0, created_at: PAID_AT }
const contest: Contest = {
  id: 'cts_1', payout_id: 'pay_1', merchant_id: 'mer_1', account_id: 'acc_1', end_to_end_id: 'E1', amount: 5000,
  returned_amount: 0, currency: 'BRL', reason: 'scam', details: '', status: 'reporting', status_reason: null,
  created_at: PAID_AT, reported_at: null, decided_at: null, updated_at: PAID_AT,
}

describe('a payment', () => {
  it('can be contested for 80 days, and not a moment longer', () => {
    const last = Date.parse(PAID_AT) + 80 * DAY
    expect(isContestable(paid, last - 1)).toBe(true)
    expect(isContestable(paid, last)).toBe(false)
  })

  it('can be contested while money is away: not before it left, not when all of it is back', () => {
    const now = Date.parse(PAID_AT) + DAY
    expect(isContestable({ ...paid, status: 'processing' }, now)).toBe(false)
    expect(isContestable({ ...paid, returned_amount: 4999 }, now)).toBe(true)
    expect(isContestable({ ...paid, status: 'returned', returned_amount: 5000 }, now)).toBe(false)
  })
})

describe('a contest', () => {
  const { stepsOf } = useContestHistory()
  const statesOf = (changed: Partial<Contest>) => stepsOf({ ...contest, ...changed }).map((step) => step.state)

  it('that nobody knows the bank to have is under way, and has not failed', () => {
    expect(statesOf({})).toEqual(['done', 'now', 'wait'])
    expect(stepsOf(contest)[1]?.text).toContain('Ainda não sabemos')
  })

  it('that was accepted waits for its money, and ends with it', () => {
    const accepted = { status: 'accepted' as const, reported_at: PAID_AT, decided_at: PAID_AT }
    expect(statesOf(accepted).at(-1)).toBe('now')
    expect(isOver({ ...contest, ...accepted })).toBe(false)
    const back = { ...accepted, returned_amount: 3000 }
    expect(stepsOf({ ...contest, ...back }).at(-1)?.title).toContain('30,00')
    expect(isOver({ ...contest, ...back })).toBe(true)
  })

  it('that was refused says why, also for a reason that is newer than this page', () => {
    const why = (status_reason: string) => stepsOf({ ...contest, status: 'refused', status_reason }).at(-1)?.text
    expect(why('contests_not_offered')).toContain('Fale com a instituição')
    expect(why('out_of_the_blue')).toContain('out_of_the_blue')
  })

  it('can be taken back until it is decided', () => {
    const undecided = (['reporting', 'reported', 'acknowledged', 'accepted', 'rejected', 'refused', 'cancelled'] as const)
      .filter((status) => isUndecided({ status }))
    expect(undecided).toEqual(['reporting', 'reported', 'acknowledged'])
  })
})
