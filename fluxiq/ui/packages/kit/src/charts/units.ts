import { count, duration, money, percent } from '../format'

/** In what the values of a chart are: centavos, a number of things, seconds, or a share of one. */
export type Unit = 'money' | 'count' | 'seconds' | 'percent'

export function inUnit(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '—'
  return { money, count, seconds: secondsText, percent }[unit](value)
}

/** What stands at an axis has little room: of 1234567 centavos 'R$ 12,3 mil', in English 'R$12.3K', as `money` spaces both. */
export function onAxis(value: number, unit: Unit, locale: string): string {
  if (unit === 'seconds') return secondsText(value)
  if (unit === 'percent') return percent(value)
  const short = { notation: 'compact', minimumFractionDigits: 0, maximumFractionDigits: 1 } as const
  if (unit === 'count') return new Intl.NumberFormat(locale, short).format(value)
  return new Intl.NumberFormat(locale, { ...short, style: 'currency', currency: 'BRL' }).format(value / 100)
}

/** Latencies are below a second most of the time. */
function secondsText(seconds: number): string {
  if (Math.abs(seconds) >= 1) return duration(seconds)
  return `${Math.round(seconds * 1000)} ms`
}
