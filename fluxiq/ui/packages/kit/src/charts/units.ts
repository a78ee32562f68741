import { count, duration, money, percent } from '../format'

/** In what the values of a chart are: centavos, a number of things, seconds, or a share of one. */
export type Unit = 'money' | 'count' | 'seconds' | 'percent'

export function inUnit(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '—'
  return { money, count, seconds: secondsText, percent }[unit](value)
}

/** What stands at an axis has little room: 'R$ 12 mil' of 1234567 centavos. */
export function onAxis(value: number, unit: Unit, locale: string): string {
  if (unit === 'seconds') return secondsText(value)
  if (unit === 'percent') return percent(value)
  const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
  return unit === 'money' ? `R$ ${short.format(value / 100)}` : short.format(value)
}

/** Latencies are below a second most of the time. */
function secondsText(seconds: number): string {
  if (Math.abs(seconds) >= 1) return duration(seconds)
  return `${Math.round(seconds * 1000)} ms`
}
