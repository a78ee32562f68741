import { api, dataOf, money, type TimelineStep, useWords } from '@fluxiq/kit'
import type { Charge } from '../../records'
import { chargeWords } from './words'

/** How a charge came to where it is, from its record. */
export function useChargeHistory() {
  const { t } = useWords(chargeWords)

  function stepsOf(charge: Charge): TimelineStep[] {
    const created: TimelineStep = { title: t('created'), at: charge.created_at, state: 'done' }
    switch (charge.status) {
      case 'pending':
        return [created, { title: t('waits'), state: 'now' }]
      case 'expired':
        return [created, { title: t('expired'), at: charge.expiration, state: 'failed' }]
      case 'cancelled':
        return [created, { title: t('cancelled'), state: 'failed' }]
      default:
        return [created, { title: t('paid'), at: charge.paid_at, state: 'done' }, ...refundSteps(charge)]
    }
  }

  function refundSteps({ amount, refunded_amount: refunded }: Charge): TimelineStep[] {
    if (refunded === 0) return []
    const title = refunded < amount ? t('refundedPart', { amount: money(refunded) }) : t('refundedWhole')
    return [{ title, state: 'done' }]
  }
  return { stepsOf }
}

export function readCharge(id: string): Promise<Charge> {
  return dataOf(api.GET('/api/v1/pix/charges/{charge_id}', { params: { path: { charge_id: id } } }))
}
