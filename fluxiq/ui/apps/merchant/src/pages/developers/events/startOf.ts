/** When a day begins where one sits, as the API wants moments; undefined for no day. */
export function startOf(day = ''): string | undefined {
  const start = new Date(`${day}T00:00:00`)
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString()
}

/** When it is over, which is when the next one begins: the API does not count this moment. */
export function endOf(day = ''): string | undefined {
  const end = new Date(`${day}T00:00:00`)
  end.setDate(end.getDate() + 1)
  return Number.isNaN(end.getTime()) ? undefined : end.toISOString()
}
