import { afterEach, describe, expect, it } from 'vitest'
import errors from '../../../../../api/errors.py?raw'
import { texts as english } from './failures.en'
import { texts as portuguese } from './failures.pt'
import { currentLocale, defineWords, setLocale, useWords } from './i18n'

const words = defineWords({
  'pt-BR': {
    hello: 'Olá, {name}',
    accounts: '{n} conta | {n} contas',
    found: 'nada | um | {count} itens',
    nested: { deep: 'fundo', 'charge.paid': 'paga' },
    quoted: "{'{'}name{'}'} a | b",
  },
  en: {
    hello: 'Hello, {name}',
    accounts: '{n} account | {n} accounts',
    found: 'nothing | one | {count} items',
    nested: { deep: 'deep', 'charge.paid': 'paid' },
    quoted: "{'{'}name{'}'} a | b",
  },
})

afterEach(() => setLocale('pt-BR'))

describe('words', () => {
  const { t } = useWords(words)

  it('are said in the language that is spoken', () => {
    expect(t('hello', { name: 'Ana' })).toBe('Olá, Ana')
    setLocale('en')
    expect(t('hello', { name: 'Ana' })).toBe('Hello, Ana')
    expect(document.documentElement.lang).toBe('en')
    expect(currentLocale.value).toBe('en')
  })

  it.each([
    [0, '0 contas', 'nada'],
    [1, '1 conta', 'um'],
    [7, '7 contas', '7 itens'],
  ])('have forms for how many: %i', (n, two, three) => {
    expect(t('accounts', { n })).toBe(two)
    expect(t('found', { count: n })).toBe(three)
  })

  it('may be nested, under keys with dots', () => {
    expect(t('nested.deep')).toBe('fundo')
    expect(t('nested.charge.paid')).toBe('paga')
  })

  it('may have signs that mean something else, quoted', () => {
    expect(t('quoted')).toBe('{name} a | b')
  })

  it('do not make what is put into them part of the language', () => {
    expect(t('hello', { name: '{name} | $&' })).toBe('Olá, {name} | $&')
  })

  it('without a text show their key', () => {
    expect(t('nested.nowhere' as 'hello')).toBe('nested.nowhere')
  })
})

describe('texts of failures', () => {
  it('are there in both languages', () => {
    expect(Object.keys(english)).toEqual(Object.keys(portuguese))
  })

  it('are there for every code of the API', () => {
    const codes = [...errors.split('STATUS_OF: ')[1]!.split('\n}\n')[0]!.matchAll(/^ {4}"(\w+)": \d+,$/gm)].map((one) => one[1]!)
    expect(codes.length).toBeGreaterThan(100)
    expect(codes.filter((code) => !(code in portuguese))).toEqual([])
  })
})
