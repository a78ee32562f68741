import { answerOf, api, download, saveFile, toast, useDeed, useFilters, useRead, useWords } from '@fluxiq/kit'
import { computed } from 'vue'
import { endOf, given, PER_PAGE, startOf } from '../shared/paging'
import { sharedWords } from '../shared/words'
import { auditWords } from './words'

const EVERY_MS = 15_000
const NO_FILTERS = { actor: '', action: '', subject: '', from: '', to: '' }

/** The trail as it is searched, and the same lines as a file. */
export function useTrail() {
  const { t } = useWords(auditWords)
  const { t: shared } = useWords(sharedWords)
  const { values, page, isFiltered } = useFilters({ ...NO_FILTERS })

  const filters = computed(() => {
    const { actor, action, subject, from, to } = values.value
    return given({ actor: actor.trim(), action: action.trim(), subject: subject.trim(), from: startOf(from), to: endOf(to) })
  })
  const lines = useRead({
    key: () => ['audit', page.value, filters.value],
    read: () => answerOf(api.GET('/api/v1/audit', { params: { query: { page: page.value, per_page: PER_PAGE, ...filters.value } } })),
    every: EVERY_MS,
  })
  const save = useDeed<void, 'csv' | 'jsonl'>({
    run: async (format) => {
      const { blob, name } = await download('/api/v1/audit/export', { ...filters.value, format })
      saveFile(blob, name ?? `audit.${format}`)
    },
    done: () => toast(t('exported'), 'good'),
  })
  const fields = computed(() => [
    { kind: 'search' as const, key: 'subject', label: t('subject'), placeholder: t('subjectHint') },
    { kind: 'search' as const, key: 'action', label: t('action'), placeholder: t('actionHint') },
    { kind: 'search' as const, key: 'actor', label: t('actor'), placeholder: t('actorHint') },
    { kind: 'date' as const, key: 'from', label: shared('from') },
    { kind: 'date' as const, key: 'to', label: shared('to') },
  ])

  return { values, page, isFiltered, lines, fields, save }
}
