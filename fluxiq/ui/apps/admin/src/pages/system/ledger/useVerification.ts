import { api, dataOf, useDeed, useRead } from '@fluxiq/kit'
import { computed, shallowRef, watch } from 'vue'
import type { Verification } from '../records'
import { reportOf } from './report'

const EVERY_MS = 1000

/** A proof of the books: begun, then asked how far it is until it is over. */
export function useVerification() {
  const run = shallowRef<Verification | null>(null)
  const begin = useDeed({
    run: (deep: boolean) => dataOf(api.POST('/api/v1/operations/ledger/verifications', { body: { deep } })),
    done: (begun) => (run.value = begun),
  })
  const number = computed(() => (run.value === null || run.value.is_over ? null : run.value.number))
  const told = useRead({
    key: () => ['operations', 'ledger', 'verification', number.value],
    read: () =>
      dataOf(api.GET('/api/v1/operations/ledger/verifications/{number}', { params: { path: { number: String(number.value) } } })),
    every: EVERY_MS,
    enabled: () => number.value !== null,
  })
  watch(told.data, (next) => next && (run.value = next))

  const reports = computed(() => (run.value?.report ?? []).map(reportOf))
  const findings = computed(() => reports.value.reduce((sum, one) => sum + one.findings.length, 0))
  return { run, begin, reports, findings }
}
