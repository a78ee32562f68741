import type { Line } from '../../records'

export interface LineFilter {
  direction: string
  kind: string
  search: string
}

/** The lines that somebody looks for. A search reads what a line says, whatever its case and accents. */
export function matching(lines: readonly Line[], { direction, kind, search }: LineFilter): Line[] {
  const wanted = plain(search)
  return lines.filter(
    (line) =>
      (direction === '' || (direction === 'in') === line.amount > 0) &&
      (kind === '' || line.kind === kind) &&
      (wanted === '' || plain(`${line.description} ${line.reference ?? ''} ${line.id}`).includes(wanted)),
  )
}

export function sumsOf(lines: readonly Line[]): { income: number; outgo: number } {
  let income = 0
  let outgo = 0
  for (const { amount } of lines) {
    if (amount > 0) income += amount
    else outgo += amount
  }
  return { income, outgo }
}

export interface Day {
  day: string
  lines: Line[]
}

/** Lines beneath their day, in the order they come in. `dayOf` is where a day begins and ends. */
export function byDay(lines: readonly Line[], dayOf: (at: string) => string): Day[] {
  const days: Day[] = []
  for (const line of lines) {
    const day = dayOf(line.at)
    const last = days.at(-1)
    if (last?.day === day) last.lines.push(line)
    else days.push({ day, lines: [line] })
  }
  return days
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').trim().toLowerCase()
}
