/** How many rows a list shows at once. */
export const PER_PAGE = 20

/** A query without what is empty: the API takes a filter with a value, or none. */
export function given<T extends object>(filters: T): Partial<T> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== '')) as Partial<T>
}
