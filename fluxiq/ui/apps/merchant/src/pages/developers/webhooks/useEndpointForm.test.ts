import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../records'
import { changesOf, isUrl } from './useEndpointForm'

const before = { url: 'https://a.example/hooks', description: 'a', ordered: false, events: ['pix.*'] } as unknown as Endpoint
const said = { url: before.url, description: 'a', ordered: false, events: before.events }

describe('what became different of an endpoint', () => {
  it.each([
    [{}, {}],
    [{ events: ['pix.charge.*', 'pix.receipt.*', 'pix.payout.*', 'pix.refund.*', 'pix.med.*', 'pix.contest.*'] }, {}],
    [{ events: ['pix.charge.*'] }, { events: ['pix.charge.*'] }],
    [{ events: [] }, { events: [] }],
    [{ ordered: true, description: '' }, { ordered: true, description: '' }],
    [{ url: 'https://b.example' }, { url: 'https://b.example' }],
  ])('by %j is %j', (change, told) => {
    expect(changesOf(before, { ...said, ...change })).toEqual(told)
  })

  it('is told where all events were wanted before', () => {
    expect(changesOf({ ...before, events: [] }, { ...said, events: ['transfer.failed'] })).toEqual({ events: ['transfer.failed'] })
  })
})

describe('an address', () => {
  it.each([
    ['https://a.example/hooks?x=1', true],
    ['http://127.0.0.1:8080', true],
    ['a.example', false],
    ['ftp://a.example', false],
    ['https://', false],
    ['https://a b.example', false],
    ['javascript:alert(1)', false],
  ])('%s is one: %s', (text, isOne) => {
    expect(isUrl(text)).toBe(isOne)
  })
})
