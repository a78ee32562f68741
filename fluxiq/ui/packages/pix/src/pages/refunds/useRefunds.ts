import { api, dataOf, type TimelineStep, useWords } from '@fluxiq/kit'
import type { Refund } from '../../records'
import { refundWords } from './words'

const REASONS = ['customer', 'operational', 'fraud', 'cash'] as const

/** A refund in words: why, and how far it is. */
export function useRefundWords() {
  const { t } = useWords(refundWords)

  function reasonOf(refund: Pick<Refund, 'reason'>): string {
    const known = REASONS.find((reason) => reason === refund.reason)
    return known ? t(`reason_${known}`) : t('reason_other')
  }

  function stepsOf(refund: Refund): TimelineStep[] {
    const asked: TimelineStep = { title: t('asked'), at: refund.created_at, state: 'done' }
    const held: TimelineStep = { title: t('held'), state: 'done' }
    if (refund.status === 'processing') return [asked, held, { title: t('waits'), state: 'now' }]
    if (refund.status === 'failed') return [asked, { title: t('failed'), at: refund.updated_at, state: 'failed' }]
    return [asked, held, { title: t('completed'), at: refund.updated_at, state: 'done' }]
  }
  return { reasonOf, stepsOf }
}

export function readRefund(id: string): Promise<Refund> {
  return dataOf(api.GET('/api/v1/pix/refunds/{refund_id}', { params: { path: { refund_id: id } } }))
}
