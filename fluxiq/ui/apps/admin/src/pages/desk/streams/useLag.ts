import type { Read } from '@fluxiq/kit'
import { shallowRef, watch, type Ref } from 'vue'

/** Ten minutes of what is read every five seconds. */
const SAMPLES_MAX = 120

/**
 * How much waited at each reading since the page was opened: the platform keeps no past of it. It
 * begins anew with another institution. A reading that failed is no sample.
 */
export function useLag<T>(read: Pick<Read<T>, 'isFetching' | 'failure'>, pending: Ref<number | undefined>, whose: Ref<string>) {
  const samples = shallowRef<readonly { at: number; pending: number }[]>([])
  watch(whose, () => (samples.value = []), { flush: 'sync' })
  watch(
    read.isFetching,
    (isFetching) => {
      if (isFetching || read.failure.value !== null || pending.value === undefined) return
      samples.value = [...samples.value, { at: Date.now(), pending: pending.value }].slice(-SAMPLES_MAX)
    },
    { immediate: true },
  )
  return samples
}
