import type { IconName, Tone } from '@fluxiq/kit'
import type { Payout } from '../../records'

/** A payout settles within 40 seconds or never (BACEN); who waits is told before that. */
const LATE_AFTER_MS = 20_000

export interface Facts {
  payout: Payout | undefined
  isUnknown: boolean
  isRunning: boolean
  isRefused: boolean
  waitedMs: number
}

export type Outcome =
  | 'sending'
  | 'unknown'
  | 'refused'
  | 'late'
  | 'processing'
  | 'scheduled'
  | 'confirmed'
  | 'failed'
  | 'returned'
  | 'cancelled'

/** What to say of a payment. That nobody knows is said before anything else that is not sure. */
export function outcomeOf({ payout, isUnknown, isRunning, isRefused, waitedMs }: Facts): Outcome {
  if (payout === undefined) {
    if (isUnknown) return 'unknown'
    return isRefused && !isRunning ? 'refused' : 'sending'
  }
  if (payout.status !== 'processing') return payout.status
  return waitedMs >= LATE_AFTER_MS ? 'late' : 'processing'
}

export const LOOKS: Record<Outcome, { icon: IconName; tone: Tone; turns?: boolean }> = {
  sending: { icon: 'loader', tone: 'info', turns: true },
  processing: { icon: 'loader', tone: 'info', turns: true },
  unknown: { icon: 'help-circle', tone: 'warn' },
  late: { icon: 'clock', tone: 'warn' },
  refused: { icon: 'x-circle', tone: 'bad' },
  scheduled: { icon: 'calendar', tone: 'info' },
  confirmed: { icon: 'check-circle', tone: 'good' },
  failed: { icon: 'x-circle', tone: 'bad' },
  returned: { icon: 'undo', tone: 'warn' },
  cancelled: { icon: 'ban', tone: 'muted' },
}
