import { describe, expect, it } from 'vitest'
import { bytesText, healthOf, workOf } from './health'

const quiet = { pending: 0, unsettled: 0, redelivered: 0, pulls: 1, last_delivered_at: '2026-11-27T00:00:00Z' }

describe('who works on a stream', () => {
  it('is up to date with nothing waiting', () => {
    expect(healthOf(quiet)).toBe('idle')
    expect(healthOf({ ...quiet, pulls: 0 })).toBe('idle')
  })

  it('is at work with something in hand, though it asks for no more', () => {
    expect(healthOf({ ...quiet, pending: 9, unsettled: 4, pulls: 0 })).toBe('working')
  })

  it('is nobody where work waits and none asks for it', () => {
    expect(healthOf({ ...quiet, pending: 9, pulls: 0 })).toBe('absent')
  })

  it('is missed by nobody where it never was', () => {
    expect(healthOf({ ...quiet, pending: 9, pulls: 0, last_delivered_at: null })).toBe('unread')
  })

  it('repeats itself where messages came back', () => {
    expect(healthOf({ ...quiet, unsettled: 2, redelivered: 1 })).toBe('repeating')
  })
})

it('counts as lag only what somebody reads', () => {
  const unread = { ...quiet, pending: 100, pulls: 0, last_delivered_at: null }
  const streams = [{ consumers: [{ ...quiet, pending: 3 }, unread] }, { consumers: [{ ...quiet, pending: 2, unsettled: 4, redelivered: 1 }] }]
  expect(workOf(streams)).toEqual({ pending: 5, unsettled: 4, redelivered: 1 })
})

describe('bytes as text', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1 kB'],
    [1_234_567, '1.23 MB'],
    [5e15, '5,000 TB'],
  ])('says %d as %s', (bytes, text) => {
    expect(bytesText(bytes, 'en')).toBe(text)
  })
})
