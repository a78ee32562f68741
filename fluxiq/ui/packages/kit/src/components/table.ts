export type Column = {
  key: string
  title: string
  align?: 'left' | 'right' | 'center'
  /** A CSS width, such as '8rem' or '20%'. */
  width?: string
  hideOnPhone?: boolean
  /** What speaks for itself on a card, such as buttons. */
  hideTitleOnPhone?: boolean
  sortable?: boolean
}

export type Sort = { key: string; direction: 'asc' | 'desc' }

/** What a click on a column's title does: up, then down, then as it came. */
export function nextSort(sort: Sort | null | undefined, key: string): Sort | null {
  if (sort?.key !== key) return { key, direction: 'asc' }
  return sort.direction === 'asc' ? { key, direction: 'desc' } : null
}

export const ALIGN = { left: 'text-left', right: 'sm:text-right', center: 'sm:text-center' } as const
