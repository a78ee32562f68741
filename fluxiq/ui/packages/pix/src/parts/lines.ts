import { answerOf, api, failureOf } from '@fluxiq/kit'
import type { Line } from '../records'

export interface Period {
  start: string
  end: string
}

export interface Lines {
  /** Newest first; at most as many as were asked for. */
  lines: Line[]
  /** Of the whole period. */
  total: number
  opening: number
  closing: number
}

const PER_PAGE = 100

/**
 * The newest lines of a period, at most `linesMax`. The API tells them oldest first, so the newest
 * are on its last pages; a line that comes in between is on the next reading.
 */
export async function newestLines(accountId: string, { start, end }: Period, linesMax: number): Promise<Lines> {
  const readPage = (page: number) => pageOfLines(accountId, { start, end }, page)
  const first = await readPage(1)
  const { total, opening_balance: opening, closing_balance: closing } = first.meta
  const wanted = newestPages(total, PER_PAGE, linesMax)
  const pages = await Promise.all(wanted.map((page) => (page === 1 ? first : readPage(page))))
  const lines = pages.flatMap((page) => page.data).slice(-linesMax)
  return { lines: lines.reverse(), total, opening, closing }
}

/** The numbers, from 1 and rising, of the pages that the last `wanted` of `total` things are on. */
export function newestPages(total: number, perPage: number, wanted: number): number[] {
  const last = Math.max(1, Math.ceil(total / perPage))
  const first = Math.floor(Math.max(0, total - wanted) / perPage) + 1
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function pageOfLines(accountId: string, { start, end }: Period, page: number) {
  const query = { page, per_page: PER_PAGE, start_date: start, end_date: end }
  const params = { path: { account_id: accountId }, query }
  const answer = await answerOf(api.GET('/api/v1/accounts/{account_id}/statement', { params }))
  // A text is only what the formats of files are answered in, and none was asked for.
  if (typeof answer === 'string') throw failureOf(new Error('a statement came as a file'))
  return answer
}
