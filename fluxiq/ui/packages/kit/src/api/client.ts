import createClient from 'openapi-fetch'
import { accessToken, refreshNow, signedInAgain } from '../session/tokens'
import { ApiFailure } from './failure'
import type { paths } from './schema'
import { Draft, send } from './transport'

/** The API, typed by its own document. A call answers, or throws an `ApiFailure`. */
export const api = createClient<paths>({
  Request: Draft as unknown as typeof Request,
  fetch: (draft: unknown) => sendSigned(draft as Draft),
})

/** The whole body: `{data, meta}` of a list. */
export async function answerOf<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await call
  return data as T
}

/** What an answer is about: its `data`. */
export async function dataOf<T>(call: Promise<{ data?: { data: T }; response: Response }>): Promise<T> {
  const { data } = await call
  if (data === undefined) throw new ApiFailure({ status: null, code: 'garbage', message: 'an empty answer' })
  return data.data
}

/**
 * A file of the API, with the name that the API gives it. `query` leaves out what is empty.
 */
export async function download(
  path: string,
  query: Record<string, string | number | null | undefined> = {},
  accept = '*/*',
): Promise<{ blob: Blob; name: string | null }> {
  const asked = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') asked.set(key, String(value))
  }
  const search = asked.size > 0 ? `?${asked}` : ''
  const answer = await sendSigned(new Draft(path + search, { headers: { Accept: accept } }))
  const name = /filename="?([^";]+)"?/.exec(answer.headers.get('Content-Disposition') ?? '')
  return { blob: await answer.blob(), name: name?.[1] ?? null }
}

/** Hands a blob to the browser's own download. */
export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/**
 * With the bearer; once more with the next one where the API no longer takes this one. A refusal
 * with 401 is no try: the guard refuses before anything is done, so a deed is safe to send again.
 */
async function sendSigned(draft: Draft): Promise<Response> {
  const token = await accessToken()
  try {
    return await send(signed(draft, token))
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== 'unauthorized' || token === null) throw error
    // Whose session is over is asked for the password, over the page: what they sent goes on then.
    const next = (await refreshNow(token)) ?? (await signedInAgain())
    if (next === null) throw error
    return await send(signed(draft, next))
  }
}

function signed(draft: Draft, token: string | null): Draft {
  if (token !== null) draft.headers.set('Authorization', `Bearer ${token}`)
  return draft
}
