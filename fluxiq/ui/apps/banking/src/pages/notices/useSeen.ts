import { ref, watch } from 'vue'

const KEPT_AS = 'fluxiq-events-seen'

/**
 * Which events are new to who looks: those numbered above the last one seen in this browser, as it was
 * when the page came. `newest` is noted for the next time.
 */
export function useSeen(newest: () => number | undefined) {
  // Who has never looked here before is told of nothing as new: all of it would be.
  const seen = ref(Number(localStorage.getItem(KEPT_AS) ?? Infinity))
  watch(newest, (sequence) => {
    const kept = Number(localStorage.getItem(KEPT_AS) ?? 0)
    if (sequence !== undefined && sequence > kept) localStorage.setItem(KEPT_AS, String(sequence))
  }, { immediate: true })
  return { isFresh: (sequence: number) => sequence > seen.value }
}
