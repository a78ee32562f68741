import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/**
 * The chosen tab, in the page's address; the first one is not worth a word there. What `own` names is
 * of one tab alone, such as its filters: the next one begins without.
 */
export function useTab<Name extends string>(names: readonly [Name, ...Name[]], own: readonly string[] = []) {
  const route = useRoute()
  const router = useRouter()
  return computed<Name>({
    get: () => names.find((name) => name === route.query.tab) ?? names[0],
    set: (name) => {
      const left = Object.fromEntries(own.map((key) => [key, undefined]))
      void router.replace({ query: { ...route.query, ...left, tab: name === names[0] ? undefined : name } })
    },
  })
}
