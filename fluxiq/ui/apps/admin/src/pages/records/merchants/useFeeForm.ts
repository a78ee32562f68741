import { BASIS_POINTS_MAX, type FeePlan, parseBasisPoints, percent } from '@fluxiq/kit'
import { computed, reactive } from 'vue'
import type { SetFee } from '../shared/records'

/** A plan as it is typed. `plan` is null while it is none, `said` while anything is missing. */
export function useFeeForm() {
  const form = reactive({
    share: '',
    fixed: null as number | null,
    minimum: null as number | null,
    maximum: null as number | null,
    reason: '',
  })

  /** From what is agreed now; the reason is always a new one. */
  function begin(current: FeePlan | null) {
    form.share = percent((current?.basis_points ?? 0) / BASIS_POINTS_MAX, 2)
    form.fixed = current?.fixed ?? 0
    form.minimum = current?.minimum ?? 0
    form.maximum = current?.maximum ?? null
    form.reason = ''
  }

  const wrong = computed(() => ({
    share: parseBasisPoints(form.share) === null,
    maximum: form.maximum !== null && form.maximum < (form.minimum ?? 0),
    reason: !form.reason.trim(),
  }))
  const plan = computed<FeePlan | null>(() => {
    const points = parseBasisPoints(form.share)
    if (points === null || wrong.value.maximum) return null
    return { fixed: form.fixed ?? 0, basis_points: points, minimum: form.minimum ?? 0, maximum: form.maximum }
  })
  const said = computed<SetFee | null>(() => (plan.value && !wrong.value.reason ? { ...plan.value, reason: form.reason.trim() } : null))

  return { form, begin, plan, wrong, said }
}
