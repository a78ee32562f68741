import { day, type TimelineStep, useWords } from '@fluxiq/kit'
import type { Payout } from '../../records'
import { payoutWords } from './words'

/** How a payout came to where it is, from its record: two times are on it, and its status. */
export function useHistory() {
  const { t } = useWords(payoutWords)

  function stepsOf(payout: Payout): TimelineStep[] {
    const ordered: TimelineStep = { title: t('ordered'), at: payout.created_at, state: 'done' }
    const held: TimelineStep = { title: t('held'), state: 'done' }
    const end = (title: string, state: TimelineStep['state']): TimelineStep => ({ title, at: payout.updated_at, state })

    switch (payout.status) {
      case 'scheduled':
        return [ordered, { title: t('waitsDay', { day: day(payout.scheduled_for ?? '') }), state: 'wait' }]
      case 'cancelled':
        return [ordered, end(t('cancelled'), 'failed')]
      case 'processing':
        return [ordered, held, { title: t('waits'), state: 'now' }]
      case 'confirmed':
        return [ordered, held, end(t('confirmed'), 'done')]
      case 'failed':
        return [ordered, end(t('failed'), 'failed')]
      case 'returned':
        return [ordered, held, { title: t('confirmed'), state: 'done' }, end(t('returnedStep'), 'failed')]
    }
  }
  return { stepsOf }
}
