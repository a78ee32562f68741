import { currentLocale, statusLook, type StatusKind } from '@fluxiq/kit'
import { computed } from 'vue'

/** The statuses of a kind as choices of a filter, in the words that the lists use. */
export function useStatusOptions(kind: StatusKind, statuses: readonly string[]) {
  return computed(() => statuses.map((value) => ({ value, label: statusLook(kind, value)[currentLocale.value] })))
}
