import { describe, expect, it } from 'vitest'
import { queryOf } from './usePaymentSearch'

const none = { q: '', kind: '', status: '', merchant_id: '', account_id: '', min: '', max: '', from: '', to: '' }

describe('a search for payments', () => {
  it('asks for an id alone, whatever else is set', () => {
    expect(queryOf({ ...none, q: ' pay_1 ', kind: 'payout', min: '10' })).toEqual({ q: 'pay_1' })
  })

  it('asks for amounts in centavos, and for none that cannot be read', () => {
    expect(queryOf({ ...none, min: '1.234,56', max: 'much' })).toEqual({ amount_min: 123456 })
  })

  it('leaves out a status whose kind was taken away: each kind has words of its own', () => {
    expect(queryOf({ ...none, status: 'paid' })).toEqual({})
    expect(queryOf({ ...none, kind: 'charge', status: 'paid' })).toEqual({ kind: 'charge', status: 'paid' })
  })
})
