import { money, type TimelineStep, useWords } from '@fluxiq/kit'
import type { Contest } from '../../records'
import { contestWords } from './words'

const WHYS = ['contests_not_offered', 'payment_not_found'] as const

/** Nothing more will be heard of it: decided, and the money of an accepted one is here. */
export function isOver(contest: Pick<Contest, 'status' | 'returned_amount'>): boolean {
  switch (contest.status) {
    case 'reporting':
    case 'reported':
    case 'acknowledged':
      return false
    case 'accepted':
      return contest.returned_amount > 0
    default:
      return true
  }
}

/** The payee's institution has not said yet whether it agrees: it can still be taken back. */
export function isUndecided({ status }: Pick<Contest, 'status'>): boolean {
  return status === 'reporting' || status === 'reported' || status === 'acknowledged'
}

/** How a contest came to where it is, from its record, and what it waits for. */
export function useContestHistory() {
  const { t } = useWords(contestWords)

  function stepsOf(contest: Contest): TimelineStep[] {
    const registered: TimelineStep = { title: t('registered'), at: contest.created_at, state: 'done' }
    const wasTold = contest.reported_at !== null
    const told: TimelineStep[] = wasTold ? [{ title: t('reported'), at: contest.reported_at, state: 'done' }] : []
    return [registered, ...told, ...lastSteps(contest)]
  }

  function lastSteps(contest: Contest): TimelineStep[] {
    const at = contest.decided_at
    const decision: TimelineStep = { title: t('decision'), state: 'wait' }
    switch (contest.status) {
      case 'reporting':
        return [{ title: t('reporting'), state: 'now', text: t('reportingText') }, decision]
      case 'reported':
        return [{ title: t('acknowledged'), state: 'now', text: t('reportedText') }, decision]
      case 'acknowledged':
        return [{ title: t('acknowledged'), state: 'now', text: t('acknowledgedText') }, decision]
      case 'accepted':
        return [analysed(), { title: t('accepted'), at, state: 'done', text: t('acceptedText') }, moneyStep(contest)]
      case 'rejected':
        return [analysed(), { title: t('rejected'), at, state: 'failed', text: t('rejectedText') }]
      case 'refused':
        return [{ title: t('refused'), at, state: 'failed', text: whyOf(contest) }]
      case 'cancelled':
        return [{ title: t('cancelled'), at, state: 'failed' }]
    }
  }

  function analysed(): TimelineStep {
    return { title: t('analysed'), state: 'done' }
  }

  function moneyStep({ returned_amount: returned }: Contest): TimelineStep {
    return returned > 0
      ? { title: t('moneyBack', { amount: money(returned) }), state: 'done' }
      : { title: t('moneyWaits'), state: 'now', text: t('moneyWaitsText') }
  }

  function whyOf({ status_reason: code }: Contest): string {
    const known = WHYS.find((one) => one === code)
    return known ? t(`why_${known}`) : t('whyCode', { code: code ?? '?' })
  }
  return { stepsOf }
}
