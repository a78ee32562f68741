import { money } from '@fluxiq/kit'
import { describe, expect, it } from 'vitest'
import type { Payout } from '../../records'
import { useHistory } from './history'

const ORDERED_AT = '2026-11-27T12:00:00Z'
const CHANGED_AT = '2026-11-27T12:00:03Z'

describe('the history of a payout', () => {
  const { stepsOf } = useHistory()
  const historyOf = (status: Payout['status'], returned = 0) =>
    stepsOf({ status, amount: 5000, returned_amount: returned, created_at: ORDERED_AT, updated_at: CHANGED_AT } as Payout)

  it('ends when the other bank confirmed it, which is its last change', () => {
    expect(historyOf('confirmed').at(-1)).toEqual({ title: 'O banco de destino confirmou', at: CHANGED_AT, state: 'done' })
  })

  it('has a step for the part that came back, and no longer knows when it was confirmed', () => {
    const [confirmed, returned] = historyOf('confirmed', 1500).slice(-2)
    expect(confirmed).toEqual({ title: 'O banco de destino confirmou', state: 'done' })
    expect(returned).toEqual({ title: `${money(1500)} devolvidos pelo banco de destino`, at: CHANGED_AT, state: 'done' })
  })

  it('has failed where all of it came back', () => {
    expect(historyOf('returned', 5000).map((step) => step.state)).toEqual(['done', 'done', 'done', 'failed'])
  })

  it('is under way while nobody confirmed it', () => {
    expect(historyOf('processing').map((step) => step.state)).toEqual(['done', 'done', 'now'])
  })
})
