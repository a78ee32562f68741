import type { JobState } from '../shared/records'

export const JOB_STATES: readonly JobState[] = [
  'scheduled',
  'available',
  'executing',
  'retryable',
  'completed',
  'discarded',
  'cancelled',
]

const REVIVABLE: ReadonlySet<JobState> = new Set(['scheduled', 'retryable', 'discarded', 'cancelled'])
const ENDED: ReadonlySet<JobState> = new Set(['completed', 'discarded', 'cancelled'])

/** Which orders a job takes, as TRANSITIONS of fluxiq/domain/job.py: what was done stays done. */
export const canRetry = (state: JobState) => REVIVABLE.has(state)
export const canCancel = (state: JobState) => !ENDED.has(state)

/** How many of a kind there are in each state, as the states follow each other; those of none left out. */
export function countedStates(states: Readonly<Record<string, number>>): { state: JobState; n: number }[] {
  return JOB_STATES.map((state) => ({ state, n: states[state] ?? 0 })).filter(({ n }) => n > 0)
}
