import { type Ref, defineAsyncComponent, onBeforeUnmount, onMounted, ref, watch } from 'vue'

const LATER_MS = 1500
const load = () => import('./KModal.vue')

/**
 * What a modal needs to keep the focus, and everybody else out, weighs more than most pages: it comes
 * a while after the page, or at once when somebody is quicker.
 */
export const LazyModal = defineAsyncComponent(load)

/** Whether the modal has to be there: from the first time that it is open, so that it can close nicely. */
export function useWanted(open: Ref<boolean>): Readonly<Ref<boolean>> {
  const isWanted = ref(open.value)
  watch(open, (isOpen) => {
    if (isOpen) isWanted.value = true
  })
  let later: ReturnType<typeof setTimeout> | undefined
  onMounted(() => {
    later = setTimeout(() => void load().catch(() => undefined), LATER_MS)
  })
  onBeforeUnmount(() => clearTimeout(later))
  return isWanted
}
