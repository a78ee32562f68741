import { api, ApiFailure, dataOf, failureText, useRead, useSession, useWords } from '@fluxiq/kit'
import type { SettlementSchedule } from '../../records'
import { settlementWords } from './words'

/** There may be none: that is an answer, not a failure. */
export interface Scheduled {
  schedule: SettlementSchedule | null
}

export function useSchedule() {
  const { may } = useSession()
  return useRead<Scheduled>({
    key: () => ['settlements', 'schedule'],
    read: readSchedule,
    live: ['balances'],
    enabled: () => may('transfers:read'),
  })
}

async function readSchedule(): Promise<Scheduled> {
  try {
    return { schedule: await dataOf(api.GET('/api/v1/settlements/schedule')) }
  } catch (error) {
    if (error instanceof ApiFailure && error.code === 'settlement_schedule_not_found') return { schedule: null }
    throw error
  }
}

const OWN = ['settled', 'nothing_to_settle', 'awaiting_approval', 'under_way'] as const

function isOwn(outcome: string): outcome is (typeof OWN)[number] {
  return (OWN as readonly string[]).includes(outcome)
}

/** How the last settlement ended; a code of the API is said as the same refusal is elsewhere. */
export function useOutcomeWords() {
  const { t } = useWords(settlementWords)
  return {
    outcomeOf(outcome: string): string {
      if (isOwn(outcome)) return t(`outcome_${outcome}`)
      return t('outcome_refused', { why: failureText(new ApiFailure({ status: 422, code: outcome, message: outcome })) })
    },
  }
}
