import { ref } from 'vue'

const KEPT_AS = 'fluxiq-amounts-hidden'

const isHidden = ref(localStorage.getItem(KEPT_AS) === 'yes')

/** Whether amounts are covered, on every page and also the next time: others look at screens too. */
export function useEye() {
  function toggle(): void {
    isHidden.value = !isHidden.value
    localStorage.setItem(KEPT_AS, isHidden.value ? 'yes' : 'no')
  }
  return { isHidden, toggle }
}
