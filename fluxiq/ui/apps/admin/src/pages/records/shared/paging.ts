/** How many rows a list shows at once. */
export const PER_PAGE = 25

/** A query without what is empty: the API takes a filter with a value, or none. */
export function given<T extends object>(filters: T): Partial<T> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== '' && value !== null)) as Partial<T>
}

/** The first moment of a day where the reader is, as the API takes it; nothing of what is no day. */
export function startOf(day: string): string {
  const at = new Date(`${day}T00:00:00`)
  return Number.isNaN(at.getTime()) ? '' : at.toISOString()
}

/** The first moment after a day: what an `until` that is not included asks for. */
export function endOf(day: string): string {
  const at = new Date(`${day}T00:00:00`)
  if (Number.isNaN(at.getTime())) return ''
  at.setDate(at.getDate() + 1)
  return at.toISOString()
}
