/** A month by its first day, `2026-11-01`: a day of the calendar, so in no zone but UTC. */
export function monthText(firstDay: string, locale: string): string {
  const format = new Intl.DateTimeFormat(locale, { month: 'short', year: 'numeric', timeZone: 'UTC' })
  return format.format(new Date(`${firstDay}T00:00:00Z`))
}
