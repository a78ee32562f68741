export const SPANS = ['hour', 'day', 'week', 'month'] as const
export type SpanName = (typeof SPANS)[number]
export type Bucket = 'minute' | 'hour' | 'day'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How long each span is, and in what it is drawn: some dozens of buckets, which an eye can tell apart. */
const LOOKS: Record<SpanName, { bucket: Bucket; ms: number }> = {
  hour: { bucket: 'minute', ms: HOUR_MS },
  day: { bucket: 'hour', ms: DAY_MS },
  week: { bucket: 'hour', ms: 7 * DAY_MS },
  month: { bucket: 'day', ms: 30 * DAY_MS },
}

const BUCKET_SECONDS: Record<Bucket, number> = { minute: 60, hour: 3600, day: 86_400 }

/** What the API is asked for a span that ends now. */
export function asked(span: SpanName, now: number = Date.now()) {
  const { bucket, ms } = LOOKS[span]
  return { bucket, since: new Date(now - ms).toISOString(), until: new Date(now).toISOString() }
}

type Counted = { charges_paid?: number; payouts_confirmed?: number; payouts_failed?: number }

/** Payments that came to an end in a bucket, whatever it was. */
export function endedIn(counted: Counted): number {
  return (counted.charges_paid ?? 0) + (counted.payouts_confirmed ?? 0) + (counted.payouts_failed ?? 0)
}

export function perSecond(counted: Counted, bucket: Bucket): number {
  return endedIn(counted) / BUCKET_SECONDS[bucket]
}

/** Which part of the payouts that ended did so well; null where none ended. */
export function successShare(counted: Counted): number | null {
  const good = counted.payouts_confirmed ?? 0
  const all = good + (counted.payouts_failed ?? 0)
  return all === 0 ? null : good / all
}
