import { api, dataOf, useDeed, useRead } from '@fluxiq/kit'
import { computed, ref } from 'vue'
import type { AuditVerification } from '../shared/records'

const ASK_EVERY_MS = 1_000

/** A verification of the trail: begun, or joined where somebody began one, and asked about until it is over. */
export function useVerification() {
  const begun = ref<AuditVerification | null>(null)
  const isOver = ref(false)

  const begin = useDeed<AuditVerification, boolean>({
    run: (checkpoints, key) =>
      dataOf(api.POST('/api/v1/operations/audit/verifications', { params: { header: { 'Idempotency-Key': key } }, body: { checkpoints } })),
    done: (verification) => {
      begun.value = verification
      isOver.value = verification.is_over
    },
  })
  const read = useRead<AuditVerification>({
    key: () => ['audit', 'verification', begun.value?.number],
    read: async () => {
      const params = { path: { number: String(begun.value?.number) } }
      const answer = await dataOf(api.GET('/api/v1/operations/audit/verifications/{number}', { params }))
      isOver.value = answer.is_over
      return answer
    },
    every: ASK_EVERY_MS,
    enabled: () => begun.value !== null && !isOver.value,
  })
  const verification = computed(() => read.data.value ?? begun.value)
  const failure = computed(() => begin.failure.value ?? read.failure.value)
  const isRunning = computed(() => begin.isRunning.value || (begun.value !== null && !isOver.value && failure.value === null))

  return { begin, verification, isOver, isRunning, failure }
}
