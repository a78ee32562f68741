import type { IconName, Tone } from '@fluxiq/kit'
import type { StreamConsumer } from '../shared/records'

export type ConsumerHealth = 'idle' | 'working' | 'repeating' | 'absent' | 'unread'

type Counted = Pick<StreamConsumer, 'pending' | 'unsettled' | 'redelivered' | 'pulls' | 'last_delivered_at'>

/**
 * Whoever is busy has no pull open either: nobody is at work only where work waits and none is in
 * hand. What nobody ever took from, such as the ledger's journal for others, waits for its first reader.
 */
export function healthOf({ pending, unsettled, redelivered, pulls, last_delivered_at }: Counted): ConsumerHealth {
  if (pending > 0 && unsettled === 0 && pulls === 0) return last_delivered_at === null ? 'unread' : 'absent'
  if (redelivered > 0) return 'repeating'
  return pending + unsettled > 0 ? 'working' : 'idle'
}

/** What waits for people at work, over all streams: a journal without a reader is nobody's lag. */
export function workOf(streams: readonly { consumers: readonly Counted[] }[]) {
  const read = streams.flatMap(({ consumers }) => consumers).filter((one) => healthOf(one) !== 'unread')
  const sum = (key: 'pending' | 'unsettled' | 'redelivered') => read.reduce((total, one) => total + one[key], 0)
  return { pending: sum('pending'), unsettled: sum('unsettled'), redelivered: sum('redelivered') }
}

export const HEALTH_LOOKS: Record<ConsumerHealth, { tone: Tone; icon: IconName }> = {
  idle: { tone: 'good', icon: 'check-circle' },
  working: { tone: 'info', icon: 'loader' },
  repeating: { tone: 'warn', icon: 'repeat' },
  absent: { tone: 'bad', icon: 'alert-circle' },
  unread: { tone: 'muted', icon: 'circle' },
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes in decimal units, to three digits: `1.2 MB`. */
export function bytesText(bytes: number, locale: string): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }).format(bytes / 1000 ** step)
  return `${value} ${UNITS[step]}`
}
