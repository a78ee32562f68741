import { api, dataOf, useRead } from '@fluxiq/kit'
import { computed } from 'vue'
import { useRoute, useRouter, type RouteLocationRaw } from 'vue-router'

/**
 * Whose records a page of the desk shows: one's own institution, unless an operator of the platform
 * names another. It stands in the address alone, so that no page acts on another institution because
 * of what was chosen on the one before.
 */
export function useWhose() {
  const route = useRoute()
  const router = useRouter()

  const institution = computed({
    get: () => (typeof route.query.institution === 'string' ? route.query.institution : ''),
    // Another institution's list begins anew: filters of the one before may name what it lacks.
    set: (ispb) => void router.replace({ query: ispb ? { institution: ispb } : {} }),
  })
  const asked = computed(() => (institution.value ? { institution: institution.value } : {}))
  const way = (path: string): RouteLocationRaw => ({ path, query: asked.value })

  return { institution, asked, way }
}

/** The institutions whose records one may see; one's own alone for most people. */
export function useInstitutions() {
  return useRead({
    key: () => ['desk', 'institutions'],
    read: () => dataOf(api.GET('/api/v1/operations/institutions')),
  })
}
