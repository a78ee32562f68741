import { answerOf, api, dataOf, useRead } from '@fluxiq/kit'
import { computed } from 'vue'
import { useRoute } from 'vue-router'
import type { Receipt, Refund } from '../../records'

const REFUNDS_MAX = 100

/** A payment that came in, and what can still be given back of it. */
export function useReceived() {
  const route = useRoute()
  const id = computed(() => String(route.params.id))

  const read = useRead<Receipt>({
    key: () => ['receipts', id.value],
    read: () => dataOf(api.GET('/api/v1/pix/receipts/{receipt_id}', { params: { path: { receipt_id: id.value } } })),
  })
  const receipt = computed(() => read.data.value)
  const refunds = useRead<Refund[]>({
    key: () => ['refunds', 'received', receipt.value?.end_to_end_id],
    read: () => refundsOf(receipt.value!.end_to_end_id),
    live: ['payments'],
    enabled: () => receipt.value !== undefined,
  })
  const left = computed(() =>
    receipt.value && refunds.data.value ? receipt.value.amount - takenBy(refunds.data.value) : 0,
  )
  return { read, receipt, refunds, left }
}

/** Centavos that were, or are just being, given back: a refund that failed took nothing. */
function takenBy(refunds: readonly Pick<Refund, 'status' | 'amount'>[]): number {
  return refunds.reduce((sum, one) => sum + (one.status === 'failed' ? 0 : one.amount), 0)
}

async function refundsOf(endToEndId: string): Promise<Refund[]> {
  const query = { page: 1, per_page: REFUNDS_MAX, end_to_end_id: endToEndId }
  return (await answerOf(api.GET('/api/v1/pix/refunds', { params: { query } }))).data
}
