import { api, ApiFailure, dataOf, useRead } from '@fluxiq/kit'
import { computed, type Ref } from 'vue'
import type { Contest, Payout } from '../../records'
import { isOver, isUndecided } from './history'

/** Banco Central's term of the special return mechanism: the platform refuses later ones. */
export const CONTEST_DAYS_MAX = 80

const DAY_MS = 86_400_000
/** The socket tells; this is for what it does not. */
const LOOK_MS = 15_000

type Contestable = Pick<Payout, 'status' | 'amount' | 'returned_amount' | 'created_at'>

/** The newest contest of a payout, null when nobody contested it, and whether one may be opened. */
export function useContest(payout: Ref<Payout | undefined>) {
  const wasPaid = computed(() => payout.value?.status === 'confirmed' || payout.value?.status === 'returned')
  const read = useRead<Contest | null>({
    key: () => ['contests', 'of', payout.value?.id],
    read: () => readContest(payout.value!.id),
    live: ['payments'],
    every: (contest) => (contest && !isOver(contest) ? LOOK_MS : false),
    enabled: () => wasPaid.value,
  })
  const contest = computed(() => read.data.value ?? null)
  // Until it is known whether there is one, none is offered.
  const canContest = computed(
    () =>
      payout.value !== undefined &&
      read.data.value !== undefined &&
      isContestable(payout.value, Date.now()) &&
      (contest.value === null || (!isUndecided(contest.value) && contest.value.status !== 'accepted')),
  )
  return { contest, canContest }
}

/** Money left, not all of it came back, and its time has not passed. */
export function isContestable(payout: Contestable, now: number): boolean {
  const wasPaid = payout.status === 'confirmed' || payout.status === 'returned'
  const isInTime = now - Date.parse(payout.created_at) < CONTEST_DAYS_MAX * DAY_MS
  return wasPaid && payout.returned_amount < payout.amount && isInTime
}

async function readContest(payoutId: string): Promise<Contest | null> {
  try {
    return await dataOf(api.GET('/api/v1/pix/payouts/{payout_id}/contest', { params: { path: { payout_id: payoutId } } }))
  } catch (error) {
    if (error instanceof ApiFailure && error.code === 'contest_not_found') return null
    throw error
  }
}
