import { describe, expect, it } from 'vitest'
import webhook from '../../../../../../../domain/webhook.py?raw'
import { EVENT_TYPES, inGroups, isWanted, withGroup, withType } from './events'

describe('events', () => {
  it('are those of the platform; a test is sent without being asked for', () => {
    const listed = /EVENT_TYPES = frozenset\(\s*\{([^}]*)\}/.exec(webhook)![1]!
    const named = [...listed.matchAll(/"([\w.]+)"/g)].map((one) => one[1]!)
    expect(named.length).toBeGreaterThan(20)
    expect([...EVENT_TYPES].sort()).toEqual([...named, 'webhook.disabled'].sort())
  })

  it('that are wanted as pix.* are all groups of pix', () => {
    expect(inGroups(['pix.*', 'transfer.failed'])).toEqual(['pix.charge.*', 'pix.receipt.*', 'pix.payout.*', 'pix.refund.*', 'pix.med.*', 'pix.contest.*', 'transfer.failed'])
    expect(inGroups(['*'])).toHaveLength(10)
    expect(inGroups([])).toEqual([])
  })

  it('come and go by group', () => {
    expect(withGroup('pix.refund', true, ['pix.refund.failed', 'account.created'])).toEqual(['pix.refund.*', 'account.created'])
    expect(withGroup('pix.refund', false, ['pix.refund.*', 'account.created'])).toEqual(['account.created'])
  })

  it('come and go one by one', () => {
    expect(withType('pix.charge.paid', true, ['transfer.*'])).toEqual(['pix.charge.paid', 'transfer.*'])
    const without = withType('transfer.failed', false, ['pix.charge.paid', 'transfer.*', 'account.*'])
    expect(without).toEqual(['pix.charge.paid', 'transfer.completed', 'account.*'])
    expect(isWanted('transfer.failed', without)).toBe(false)
  })
})
