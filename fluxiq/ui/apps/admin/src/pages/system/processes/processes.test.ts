import { describe, expect, it } from 'vitest'
import { someNode } from '../tree/someNodes'
import { deedsFor } from './deeds'
import { flatSpec } from './spec'
import { sorted } from './table'

describe('deeds for a process', () => {
  it.each([
    [{ state: 'running' }, ['restart', 'suspend', 'stop']],
    [{ state: 'running', kind: 'supervisor' }, ['restart', 'stop']],
    [{ state: 'running', suspended: true }, ['resume', 'restart', 'stop']],
    [{ state: 'quarantined' }, ['release']],
    [{ state: 'stopping' }, []],
    [{ state: 'done' }, ['restart']],
  ])('%o: %o', (facts, deeds) => {
    expect(deedsFor(someNode('root/a', facts))).toEqual(deeds)
  })
})

describe('a spec', () => {
  it('is flat, with dots, and without what is not set', () => {
    expect(flatSpec({ restart: 'permanent', phase: null, backoff: { cap: 30, jitter: 0.2 }, kinds: ['a', 1] })).toEqual({
      restart: 'permanent',
      'backoff.cap': '30',
      'backoff.jitter': '0.2',
      kinds: 'a, 1',
    })
  })
})

describe('the table', () => {
  const nodes = [someNode('b', { handled: null }), someNode('a', { handled: 3 }), someNode('c', { handled: 1 })].map((node) => ({ ...node, seenAt: 0 }))
  const order = (key: string, direction: 'asc' | 'desc') => sorted(nodes, { key, direction }).map((node) => node.path)

  it('sorts by text and by number, and puts what has no value last either way', () => {
    expect(order('path', 'desc')).toEqual(['c', 'b', 'a'])
    expect(order('handled', 'asc')).toEqual(['c', 'a', 'b'])
    expect(order('handled', 'desc')).toEqual(['a', 'c', 'b'])
    expect(sorted(nodes, null).map((node) => node.path)).toEqual(['b', 'a', 'c'])
  })
})
