import { describe, expect, it } from 'vitest'
import { isNetwork, networksOf } from './networks'

describe('networks', () => {
  it('are taken as people paste them, each once', () => {
    expect(networksOf(' 203.0.113.0/24,\n\n2001:db8::/32; 203.0.113.0/24 ')).toEqual(['203.0.113.0/24', '2001:db8::/32'])
    expect(networksOf(' \n')).toEqual([])
  })

  it.each([
    ['203.0.113.7', true],
    ['203.0.113.0/24', true],
    ['2001:db8::1', true],
    ['2001:db8::/32', true],
    ['::ffff:203.0.113.7', true],
    ['203.0.113.256', false],
    ['203.0.113.0/33', false],
    ['2001:db8::/129', false],
    ['example.com', false],
    ['beef', false],
  ])('%s is one: %s', (text, isOne) => {
    expect(isNetwork(text)).toBe(isOne)
  })
})
