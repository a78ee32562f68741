import { api, dataOf, useDeed } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'

interface Range {
  start: string
  end: string
  status: 'failed' | 'all'
}

const HOURS_24_MS = 86_400_000

/** The last day, as the browser's picker writes local minutes. */
export function localMinute(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** Sending a period again. Where it holds more than goes at once, `goOn` takes it up where that ended. */
export function useResend(webhookId: () => string) {
  const now = new Date()
  const form = reactive({
    start: localMinute(new Date(now.getTime() - HOURS_24_MS)) as string | null,
    end: localMinute(new Date(now.getTime() + 60_000)) as string | null,
    status: 'failed' as Range['status'],
  })
  const sum = ref(0)
  const range = computed<Range | null>(() => {
    const [start, end] = [Date.parse(form.start ?? ''), Date.parse(form.end ?? '')]
    if (!(start < end)) return null
    return { start: new Date(start).toISOString(), end: new Date(end).toISOString(), status: form.status }
  })

  const resending = useDeed({
    run: (body: Range, idempotencyKey) => {
      const params = { path: { webhook_id: webhookId() }, header: { 'Idempotency-Key': idempotencyKey } }
      return dataOf(api.POST('/api/v1/webhooks/{webhook_id}/redeliver', { params, body }))
    },
    after: [['deliveries']],
    done: ({ scheduled }) => (sum.value += scheduled),
  })

  function begin() {
    if (range.value === null) return
    sum.value = 0
    void resending.start(range.value)
  }

  function goOn() {
    const next = resending.result.value?.next_start
    if (next && range.value) void resending.start({ ...range.value, start: next })
  }

  return { form, range, sum, resending, begin, goOn }
}
