import { describe, expect, it } from 'vitest'
import type { Balance, Limits } from '../../records'
import { destinationOf } from './destination'
import { exceeded, roomsLeft } from './room'

const STATIC =
  '00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR' +
  '5913Fulano de Tal6008BRASILIA62070503***63041D3D'

function limits(changes: Partial<Limits> = {}): Limits {
  const today = { date: '2026-11-27', limit: 50_000, used: 20_000, left: 30_000, resets_at: '2026-11-28T03:00:00Z' }
  return {
    account_id: 'acc_1', currency: 'BRL', per_payment: 25_000, per_day: 50_000, per_night: null,
    night_starts: '20:00', raised: null, today, tonight: null, ...changes,
  }
}
const balance = { available: 40_000 } as Balance

describe('whom a text leads to', () => {
  it('is the key of a static code', () => {
    expect(destinationOf(`  ${STATIC}\n`)).toMatchObject({ kind: 'code', key: '123e4567-e12b-12d1-a456-426655440000' })
  })

  it('is nobody where one character of a code is another one', () => {
    expect(destinationOf(STATIC.replace('Fulano', 'Fulana'))).toMatchObject({ kind: 'wrong', problem: 'codeCrc' })
    expect(destinationOf(STATIC.slice(0, -6))).toMatchObject({ kind: 'wrong', problem: 'codeCut' })
  })

  it('is nobody where it is neither key nor code', () => {
    expect(destinationOf('maria')).toMatchObject({ kind: 'wrong', problem: 'noKey' })
    expect(destinationOf('  ')).toEqual({ kind: 'empty' })
  })
})

describe('what bounds a payment', () => {
  it('is the narrowest of balance and limits', () => {
    const rooms = roomsLeft(limits(), balance, false)
    expect(exceeded(rooms, 25_000)).toBeNull()
    expect(exceeded(rooms, 25_001)).toEqual({ of: 'payment', left: 25_000 })
    expect(exceeded(rooms, 99_999)).toEqual({ of: 'payment', left: 25_000 })
  })

  it('counts the night while it is night', () => {
    const tonight = { date: '2026-11-27', limit: 1_000, used: 0, left: 1_000, resets_at: '2026-11-28T09:00:00Z' }
    expect(exceeded(roomsLeft(limits({ tonight }), balance, false), 2_000)).toEqual({ of: 'night', left: 1_000 })
  })

  it('of another day is the limit of a payment only', () => {
    expect(roomsLeft(limits(), balance, true)).toEqual([{ of: 'payment', left: 25_000 }])
    expect(roomsLeft(limits({ per_payment: null }), balance, true)).toEqual([])
  })
})
