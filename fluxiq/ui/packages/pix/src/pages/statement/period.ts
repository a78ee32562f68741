import type { Period } from '../../parts/lines'
import { dayAfter } from '../../parts/saoPaulo'

export const PERIODS = ['last7', 'last30', 'last90', 'month', 'lastMonth', 'custom'] as const
export type PeriodName = (typeof PERIODS)[number]

export function isPeriodName(text: string): text is PeriodName {
  return PERIODS.some((one) => one === text)
}

/** The days that a named period stands for, `today` among them; null where both days are not a period. */
export function periodOf(name: PeriodName, today: string, from: string, to: string): Period | null {
  const month = `${today.slice(0, 8)}01`
  switch (name) {
    case 'last7':
      return { start: dayAfter(today, -6), end: today }
    case 'last30':
      return { start: dayAfter(today, -29), end: today }
    case 'last90':
      return { start: dayAfter(today, -89), end: today }
    case 'month':
      return { start: month, end: today }
    case 'lastMonth': {
      const end = dayAfter(month, -1)
      return { start: `${end.slice(0, 8)}01`, end }
    }
    case 'custom':
      return from && to && from <= to ? { start: from, end: to } : null
  }
}
