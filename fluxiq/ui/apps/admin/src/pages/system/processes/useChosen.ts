import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** The process whose sheet is open, in the page's address: it can be sent to a colleague. */
export function useChosen() {
  const route = useRoute()
  const router = useRouter()
  const chosen = computed(() => (typeof route.query.process === 'string' && route.query.process !== '' ? route.query.process : null))
  const choose = (path: string | null) => void router.replace({ query: { ...route.query, process: path ?? undefined } })
  return { chosen, choose }
}
