import { onUnmounted, ref } from 'vue'

const SAID_FOR_MS = 2_000

/** Copies to the clipboard and says for a moment how it went. */
export function useCopy() {
  const state = ref<'idle' | 'copied' | 'failed'>('idle')
  let timer: ReturnType<typeof setTimeout> | undefined

  async function copy(text: string) {
    // Without a secure origin there is no clipboard; some browsers ask and are refused.
    state.value = await navigator.clipboard?.writeText(text).then(() => 'copied' as const, () => 'failed' as const) ?? 'failed'
    clearTimeout(timer)
    timer = setTimeout(() => (state.value = 'idle'), SAID_FOR_MS)
  }

  onUnmounted(() => clearTimeout(timer))
  return { state, copy }
}
