import { describe, expect, it } from 'vitest'
import { aboutOf, amountOf, iconOf, pageOf, useTold } from './told'

const payout = {
  type: 'pix.payout.confirmed',
  data: { id: 'pay_1', amount: 4000, description: 'Aluguel', recipient: { name: 'Maria da Silva' } },
}

describe('an event', () => {
  it('leads to its record', () => {
    expect(pageOf(payout)).toBe('/payouts/pay_1')
    expect(pageOf({ type: 'pix.receipt.credited', data: { id: 'pay_2' } })).toBe('/received/pay_2')
    expect(pageOf({ type: 'pix.contest.accepted', data: { id: 'cnt_1', payout_id: 'pay_3' } })).toBe('/payouts/pay_3')
    expect(pageOf({ type: 'account.limits_changed', data: { account_id: 'acc_1' } })).toBe('/limits')
    expect(pageOf({ type: 'webhook.test', data: { id: 'whk_1' } })).toBeNull()
  })

  it('says whom it is about, and how much', () => {
    expect(aboutOf(payout)).toBe('Maria da Silva')
    expect(amountOf(payout)).toBe(4000)
    expect(amountOf({ type: 'account.created', data: {} })).toBeNull()
  })

  it('has words, also when it is of a type that nobody knows yet', () => {
    const { titleOf } = useTold()
    expect(titleOf(payout)).not.toContain('pix.')
    expect(titleOf({ type: 'pix.dream.dreamt', data: {} })).toBe('pix.dream.dreamt')
    expect(iconOf({ type: 'pix.dream.dreamt', data: {} })).toBe('bell')
  })
})
