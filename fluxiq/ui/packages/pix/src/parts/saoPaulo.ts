const DAY_MS = 86_400_000

/** The calendar day in São Paulo, where the days of PIX begin and end: `2026-11-27`. */
export function dayInSaoPaulo(at: Date): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: 'America/Sao_Paulo',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return parts.format(at)
}

/** `days` after a day; before it where negative. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** The UTC day, as statements count them. */
export function dayInUtc(at: Date): string {
  return at.toISOString().slice(0, 10)
}
