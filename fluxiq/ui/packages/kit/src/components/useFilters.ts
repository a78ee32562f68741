import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type LocationQuery, type LocationQueryRaw } from 'vue-router'

export type FilterValues = Record<string, string>

/**
 * Filters and the page of a list, kept in the URL: a filtered list can be bookmarked, sent to a
 * colleague, and is there again after Back. What is at its default is left out. Another filter means
 * another list, so it begins at its first page.
 */
export function useFilters<Values extends FilterValues>(defaults: Values) {
  const route = useRoute()
  const router = useRouter()

  const values: WritableComputedRef<Values> = computed({
    get: () => filtersOf(route.query, defaults),
    set: (wanted) => void router.replace({ query: queryWith(route.query, defaults, wanted) }),
  })
  const page = computed({
    get: () => pageOf(route.query),
    set: (wanted) => void router.push({ query: { ...route.query, page: wanted > 1 ? String(wanted) : undefined } }),
  })
  const isFiltered = computed(() => Object.keys(defaults).some((key) => values.value[key] !== defaults[key]))
  const reset = () => (values.value = { ...defaults })

  return { values, page, isFiltered, reset }
}

function filtersOf<Values extends FilterValues>(query: LocationQuery, defaults: Values): Values {
  const entries = Object.entries(defaults).map(([key, standard]) => {
    const given = query[key]
    return [key, (Array.isArray(given) ? given[0] : given) ?? standard]
  })
  return Object.fromEntries(entries) as Values
}

function queryWith(query: LocationQuery, defaults: FilterValues, wanted: FilterValues): LocationQueryRaw {
  const kept: LocationQueryRaw = { ...query, page: undefined }
  for (const [key, standard] of Object.entries(defaults)) {
    kept[key] = wanted[key] === standard ? undefined : wanted[key]
  }
  return kept
}

export function pageOf(query: LocationQuery): number {
  const given = Number(query.page)
  return Number.isSafeInteger(given) && given >= 1 ? given : 1
}
