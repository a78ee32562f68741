import { describe, expect, it } from 'vitest'
import { flagName, pairOf, percentageOf, rateOf } from './typed'

describe('what is typed about flags and rates', () => {
  it('takes a rate as text, with a comma too, and never as a float', () => {
    expect(['5,4321', ' 0.1 ', '5.4300'].map(rateOf)).toEqual(['5.4321', '0.1', '5.4300'])
    expect(['1.234,56', '05', '-1', '0', '0,00', '1e3', ''].map(rateOf)).toEqual(Array(7).fill(null))
  })

  it('takes a pair of two different currencies', () => {
    expect(['usd-brl', 'USD-USD', 'USDBRL'].map(pairOf)).toEqual(['USD-BRL', null, null])
  })

  it('takes whole per cents', () => {
    expect(['0', '100', ' 7 ', '101', '-1', '1.5', ''].map(percentageOf)).toEqual([0, 100, 7, null, null, null, null])
  })

  it('takes names as code has them', () => {
    expect(['new_checkout.v2', 'Novo', ''].map(flagName)).toEqual(['new_checkout.v2', null, null])
  })
})
