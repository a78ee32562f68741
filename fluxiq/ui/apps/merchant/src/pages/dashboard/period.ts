export const PERIODS = ['day', 'week', 'month', 'quarter'] as const
export type PeriodName = (typeof PERIODS)[number]

export interface Span {
  bucket: 'hour' | 'day'
  since: string
  until: string
}

const HOUR_MS = 3_600_000
const LENGTH_HOURS: Record<PeriodName, number> = { day: 24, week: 7 * 24, month: 30 * 24, quarter: 90 * 24 }

export function isPeriodName(text: string): text is PeriodName {
  return PERIODS.some((one) => one === text)
}

/**
 * The period that ends now, and the one of the same length before it. Ends are on full hours: the same
 * question is asked for as long as an hour lasts, and buckets are whole.
 */
export function spansOf(name: PeriodName, now: number): { current: Span; before: Span } {
  const length = LENGTH_HOURS[name] * HOUR_MS
  const end = Math.ceil(now / HOUR_MS) * HOUR_MS
  const bucket = name === 'day' || name === 'week' ? 'hour' : 'day'
  const span = (until: number): Span => ({
    bucket,
    since: new Date(until - length).toISOString(),
    until: new Date(until).toISOString(),
  })
  return { current: span(end), before: span(end - length) }
}

/** How much more there is than before, as a share of that; null where there was nothing to compare with. */
export function trendOf(now: number | null | undefined, before: number | null | undefined): number | null {
  if (typeof now !== 'number' || typeof before !== 'number' || before === 0) return null
  return (now - before) / before
}
