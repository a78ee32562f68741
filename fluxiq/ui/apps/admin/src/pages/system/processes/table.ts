import type { Sort } from '@fluxiq/kit'
import type { SeenNode } from '../tree/treeStore'

export const PER_PAGE = 25

/** By what a column shows; what has no value comes last either way. */
export function sorted(nodes: readonly SeenNode[], sort: Sort | null): SeenNode[] {
  if (sort === null) return [...nodes]
  const sign = sort.direction === 'asc' ? 1 : -1
  return [...nodes].sort((one, other) => {
    const [a, b] = [one[sort.key as keyof SeenNode], other[sort.key as keyof SeenNode]]
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
    return sign * String(a).localeCompare(String(b))
  })
}

export function pageOf<Row>(rows: readonly Row[], page: number): Row[] {
  return rows.slice((page - 1) * PER_PAGE, page * PER_PAGE)
}
