/** When a day begins where one sits, as the API wants moments; undefined for no day. */
export function startOf(day: string): string | undefined {
  const start = new Date(`${day}T00:00:00`)
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString()
}
