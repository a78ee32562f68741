import { day, money, type TimelineStep, useWords } from '@fluxiq/kit'
import type { Payout } from '../../records'
import { payoutWords } from './words'

/** How a payout came to where it is, from its record: two times are on it, and its status. */
export function useHistory() {
  const { t } = useWords(payoutWords)

  function stepsOf(payout: Payout): TimelineStep[] {
    const ordered: TimelineStep = { title: t('ordered'), at: payout.created_at, state: 'done' }
    const held: TimelineStep = { title: t('held'), state: 'done' }
    const confirmed: TimelineStep = { title: t('confirmed'), state: 'done' }
    const end = (title: string, state: TimelineStep['state']): TimelineStep => ({ title, at: payout.updated_at, state })

    switch (payout.status) {
      case 'scheduled':
        return [ordered, { title: t('waitsDay', { day: day(payout.scheduled_for ?? '') }), state: 'wait' }]
      case 'cancelled':
        return [ordered, end(t('cancelled'), 'failed')]
      case 'processing':
        return [ordered, held, { title: t('waits'), state: 'now' }]
      case 'confirmed':
        if (payout.returned_amount > 0) return [ordered, held, confirmed, end(t('returnedPart', { amount: money(payout.returned_amount) }), 'done')]
        return [ordered, held, { ...confirmed, at: payout.updated_at }]
      case 'failed':
        return [ordered, end(t('failed'), 'failed')]
      case 'returned':
        return [ordered, held, confirmed, end(t('returnedStep'), 'failed')]
    }
  }
  return { stepsOf }
}
