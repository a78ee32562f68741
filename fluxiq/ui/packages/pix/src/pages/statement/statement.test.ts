import { describe, expect, it } from 'vitest'
import type { Line } from '../../records'
import { periodOf } from './period'
import { byDay, matching, sumsOf } from './sums'

function line(id: string, amount: number, description = '', at = '2026-11-27T12:00:00Z'): Line {
  const kind = amount > 0 ? 'pix_in' : 'pix_out'
  return { id, amount, description, at, kind, balance_after: 0, reference: `pay_${id}` }
}

describe('a named period', () => {
  it('has today as its last day', () => {
    expect(periodOf('last7', '2026-11-27', '', '')).toEqual({ start: '2026-11-21', end: '2026-11-27' })
    expect(periodOf('month', '2026-11-27', '', '')).toEqual({ start: '2026-11-01', end: '2026-11-27' })
  })

  it('may lie in another year', () => {
    expect(periodOf('lastMonth', '2027-01-15', '', '')).toEqual({ start: '2026-12-01', end: '2026-12-31' })
  })

  it('is none where its days are missing or the wrong way round', () => {
    expect(periodOf('custom', '2026-11-27', '2026-11-02', '2026-11-01')).toBeNull()
    expect(periodOf('custom', '2026-11-27', '', '2026-11-01')).toBeNull()
    expect(periodOf('custom', '2026-11-27', '2026-11-01', '2026-11-01')).not.toBeNull()
  })
})

describe('the lines of a statement', () => {
  const lines = [line('a', 500, 'Café da manhã'), line('b', -200, 'Aluguel'), line('c', 100)]

  it('are found without accents, and by their id', () => {
    expect(matching(lines, { direction: '', kind: '', search: 'cafe' })).toEqual([lines[0]])
    expect(matching(lines, { direction: '', kind: '', search: 'PAY_B' })).toEqual([lines[1]])
  })

  it('are parted by where the money went', () => {
    expect(matching(lines, { direction: 'out', kind: '', search: '' })).toEqual([lines[1]])
    expect(matching(lines, { direction: 'in', kind: 'pix_in', search: '' })).toEqual([lines[0], lines[2]])
  })

  it('add up, each way by itself', () => {
    expect(sumsOf(lines)).toEqual({ income: 600, outgo: -200 })
  })

  it('stand beneath their days', () => {
    const over = [line('x', 1, '', '2026-11-27T02:00:00Z'), line('y', 1, '', '2026-11-26T23:00:00Z')]
    const days = byDay(over, (at) => at.slice(0, 10))
    expect(days.map((one) => [one.day, one.lines.length])).toEqual([['2026-11-27', 1], ['2026-11-26', 1]])
  })
})
