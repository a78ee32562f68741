import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** The chosen tab, in the page's address; the first one is not worth a word there. */
export function useTab<Name extends string>(names: readonly [Name, ...Name[]]) {
  const route = useRoute()
  const router = useRouter()
  return computed<Name>({
    get: () => names.find((name) => name === route.query.tab) ?? names[0],
    set: (name) => void router.replace({ query: { ...route.query, tab: name === names[0] ? undefined : name } }),
  })
}
