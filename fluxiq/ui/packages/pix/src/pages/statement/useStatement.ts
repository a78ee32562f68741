import { useFilters, useRead, useWords } from '@fluxiq/kit'
import { computed } from 'vue'
import { type Lines, newestLines } from '../../parts/lines'
import { LINE_KINDS, useMovements } from '../../parts/movements'
import { dayInUtc } from '../../parts/saoPaulo'
import { useAccounts, useBalances, useChosenAccount } from '../../parts/useAccounts'
import { isPeriodName, PERIODS, periodOf } from './period'
import { byDay, matching, sumsOf } from './sums'
import { statementWords } from './words'

/** As many lines as a page can hold, filter and draw without anybody waiting. */
const LINES_MAX = 1000

export function useStatement() {
  const accounts = useAccounts()
  const balances = useBalances(() => accounts.data.value)
  const { chosenId, chosen } = useChosenAccount(() => accounts.data.value)
  const { values, isFiltered, reset } = useFilters({
    period: 'last30',
    from: '',
    to: '',
    direction: '',
    kind: '',
    q: '',
  })

  const period = computed(() => {
    const { period: name, from, to } = values.value
    return periodOf(isPeriodName(name) ? name : 'last30', dayInUtc(new Date()), from, to)
  })
  const statement = useRead<Lines>({
    key: () => ['statement', chosenId.value, period.value?.start, period.value?.end],
    read: () => newestLines(chosenId.value, period.value!, LINES_MAX),
    live: ['balances', 'payments'],
    enabled: () => chosenId.value !== '' && period.value !== null,
  })

  const all = computed(() => statement.data.value?.lines ?? [])
  const shown = computed(() => {
    const { direction, kind, q: search } = values.value
    return matching(all.value, { direction, kind, search })
  })
  const days = computed(() => byDay(shown.value, localDay))
  const sums = computed(() => sumsOf(shown.value))
  const isPartial = computed(() => (statement.data.value?.total ?? 0) > all.value.length)

  return {
    accounts, balances, chosenId, chosen, values, isFiltered, reset, period, statement, all, shown, days, sums, isPartial,
  }
}

/** What the bar above the statement offers. */
export function useStatementFields(isCustom: () => boolean) {
  const { t } = useWords(statementWords)
  const { nameOf } = useMovements()
  return computed(() => [
    { kind: 'select' as const, key: 'direction', label: t('direction'), all: t('all'), options: directions(t('in'), t('out')) },
    {
      kind: 'select' as const,
      key: 'kind',
      label: t('kind'),
      all: t('all'),
      options: LINE_KINDS.map((kind) => ({ value: kind as string, label: nameOf(kind) })),
    },
    ...(isCustom() ? dates(t('from'), t('to')) : []),
    { kind: 'search' as const, key: 'q', label: t('search'), placeholder: t('searchHint') },
  ])
}

export function usePeriodOptions() {
  const { t } = useWords(statementWords)
  return computed(() => PERIODS.map((name) => ({ value: name as string, label: t(name) })))
}

function directions(into: string, out: string) {
  return [{ value: 'in', label: into }, { value: 'out', label: out }]
}

function dates(from: string, to: string) {
  const max = dayInUtc(new Date())
  return [
    { kind: 'date' as const, key: 'from', label: from, max },
    { kind: 'date' as const, key: 'to', label: to, max },
  ]
}

/** The day by the clock of who looks, `2026-11-27`: what a person calls the day of a movement. */
function localDay(at: string): string {
  const moment = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`
}
