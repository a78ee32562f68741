import { api, dataOf, toast, useDeed, useWords } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import type { Contest, MedReason, Payout } from '../../records'
import { contestWords } from './words'

export const REASONS: readonly MedReason[] = ['scam', 'account_takeover', 'coercion', 'fraudulent_access', 'other']
/** As the API has it. */
export const DETAILS_LENGTH_MAX = 2000

interface Asked {
  payoutId: string
  body: { reason: MedReason; details: string }
}

/** A contest from what happened to its registration. */
export function useNewContest(payout: () => Payout, done: () => void) {
  const { t } = useWords(contestWords)
  const form = reactive({ reason: undefined as MedReason | undefined, details: '' })
  const isReviewing = ref(false)
  const isTold = ref(false)
  // Without a name for what happened, the words are all that the other bank has.
  const needs = computed(() => ({ reason: !form.reason, details: form.reason === 'other' && !form.details.trim() }))

  const deed = useDeed<Contest, Asked>({
    run: ({ payoutId, body }, key) => {
      const params = { path: { payout_id: payoutId }, header: { 'Idempotency-Key': key } }
      return dataOf(api.POST('/api/v1/pix/payouts/{payout_id}/contest', { params, body }))
    },
    after: [['contests'], ['notices'], ['events']],
    done: () => {
      toast(t('sent'), 'good')
      done()
    },
  })

  function review(): void {
    isTold.value = true
    if (!needs.value.reason && !needs.value.details) isReviewing.value = true
  }

  function contest(): void {
    if (!form.reason) return
    void deed.start({ payoutId: payout().id, body: { reason: form.reason, details: form.details.trim() } })
  }

  /** Another look at the first step; what nobody knows the end of is looked at where it was left. */
  function begin(): void {
    if (deed.isUnknown.value) return
    deed.reset()
    isReviewing.value = isTold.value = false
  }
  return { form, isReviewing, isTold, needs, deed, review, contest, begin }
}
