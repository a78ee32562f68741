import { afterEach, describe, expect, it } from 'vitest'
import { setLocale } from '../i18n/i18n'
import { moneyInWords } from './money_words'
import { count, money, parseMoney, percent } from './numbers'

const NBSP = '\u00a0'

afterEach(() => setLocale('pt-BR'))

describe('money', () => {
  it.each([
    [123_456, `R$${NBSP}1.234,56`],
    [0, `R$${NBSP}0,00`],
    [5, `R$${NBSP}0,05`],
    [-150, `-R$${NBSP}1,50`],
    [9_007_199_254_740_991, `R$${NBSP}90.071.992.547.409,91`],
  ])('is written without a float in between: %i', (centavos, text) => {
    expect(money(centavos)).toBe(text)
  })

  it('is written as the language has it', () => {
    setLocale('en')
    expect(money(-123_456)).toBe('-R$1,234.56')
    expect(count(12_345)).toBe('12,345')
    expect(percent(0.987)).toBe('98.7%')
  })
})

describe('money that somebody types', () => {
  it.each([
    ['1.234,56', 123_456],
    ['1,234.56', 123_456],
    ['1234,5', 123_450],
    ['1234.56', 123_456],
    ['R$ 10', 1000],
    [`R$${NBSP}20.000,10`, 2_000_010],
    ['1.234', 123_400],
    ['0,01', 1],
    ['007', 700],
  ])('is understood: %s', (text, centavos) => {
    expect(parseMoney(text)).toBe(centavos)
  })

  it.each(['', 'abc', '-3', '1,2,3', '1.23456', '12,345', '12,345,6', '1..2', '1,234,5', '10,', '99999999999999999', '1e3', '٣'])(
    'is not guessed: %s',
    (text) => {
      expect(parseMoney(text)).toBeNull()
    },
  )
})

describe('money in words', () => {
  it.each([
    [0, 'zero reais'],
    [1, 'um centavo'],
    [99, 'noventa e nove centavos'],
    [100, 'um real'],
    [201, 'dois reais e um centavo'],
    [2_100, 'vinte e um reais'],
    [10_000, 'cem reais'],
    [10_100, 'cento e um reais'],
    [100_000, 'mil reais'],
    [100_100, 'mil e um reais'],
    [110_000, 'mil e cem reais'],
    [123_456, 'mil, duzentos e trinta e quatro reais e cinquenta e seis centavos'],
    [2_000_010, 'vinte mil reais e dez centavos'],
    [200_000_000, 'dois milhões de reais'],
    [100_000_000, 'um milhão de reais'],
    [100_000_100, 'um milhão e um reais'],
    [100_100_000, 'um milhão e mil reais'],
    [112_345_600, 'um milhão, cento e vinte e três mil, quatrocentos e cinquenta e seis reais'],
    [100_000_000_000, 'um bilhão de reais'],
    [-500, 'menos cinco reais'],
  ])('in Portuguese: %i', (centavos, words) => {
    expect(moneyInWords(centavos, 'pt-BR')).toBe(words)
  })

  it.each([
    [1, 'one centavo'],
    [100, 'one real'],
    [2_000_010, 'twenty thousand reais and ten centavos'],
    [123_456, 'one thousand two hundred thirty-four reais and fifty-six centavos'],
    [-500, 'minus five reais'],
  ])('in English: %i', (centavos, words) => {
    expect(moneyInWords(centavos, 'en')).toBe(words)
  })

  it('tells twenty thousand from two million apart at a glance', () => {
    expect(moneyInWords(2_000_000, 'pt-BR')).not.toBe(moneyInWords(200_000_000, 'pt-BR'))
  })
})
