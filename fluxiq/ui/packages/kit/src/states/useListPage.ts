import { type ComputedRef, computed } from 'vue'
import { type Read, type ReadOptions, useRead } from '../api/queries'
import { type FilterValues, useFilters } from '../components/useFilters'

const PER_PAGE = 20

export interface PageMeta {
  page: number
  per_page: number
  total: number
  total_pages: number
}

/** What the API is asked: the page, and of the filters those that have a value. */
export type ListQuery<Values> = { page: number; per_page: number } & { [Key in keyof Values]?: Exclude<Values[Key], ''> }

export interface ListPageOptions<Row, Values extends FilterValues> extends Pick<ReadOptions<unknown>, 'live' | 'every'> {
  /** What is read, beside which filters and which page. */
  key: () => readonly unknown[]
  /** Each filter at its default; the type of one that the API enumerates says what it may be. */
  filters: Values
  read: (query: ListQuery<Values>) => Promise<{ data: Row[]; meta: PageMeta }>
}

export interface ListPage<Row, Values extends FilterValues> {
  read: Read<{ data: Row[]; meta: PageMeta }>
  rows: ComputedRef<Row[]>
  values: ComputedRef<Values>
  page: ComputedRef<number>
  /** Nothing there may be because of the filters. */
  isFiltered: ComputedRef<boolean>
  filter: (wanted: Values) => void
  turnTo: (page: number) => void
}

/** A list of the API, a page at a time; its filters and its page are in the address. `KList` shows it. */
export function useListPage<Row, Values extends FilterValues>(options: ListPageOptions<Row, Values>): ListPage<Row, Values> {
  const { values, page, isFiltered } = useFilters(options.filters)
  const { key, live, every } = options
  const read = useRead({
    key: () => [...key(), page.value, values.value],
    read: () => options.read(queryOf(page.value, values.value)),
    ...(live && { live }),
    ...(every !== undefined && { every }),
  })
  return {
    read,
    rows: computed(() => read.data.value?.data ?? []),
    values,
    page,
    isFiltered,
    filter: (wanted) => (values.value = wanted),
    turnTo: (wanted) => (page.value = wanted),
  }
}

function queryOf<Values extends FilterValues>(page: number, values: Values): ListQuery<Values> {
  const filters = Object.entries(values).flatMap(([name, value]) => (value.trim() === '' ? [] : [[name, value.trim()]]))
  return { page, per_page: PER_PAGE, ...Object.fromEntries(filters) }
}
