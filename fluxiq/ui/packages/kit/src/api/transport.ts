import { apiUrl } from './config'
import { ApiFailure } from './failure'

export const DEADLINE_MS = 20_000

/**
 * What openapi-fetch puts together instead of a `Request`: plain data, that can be sent again after
 * a refresh and gets its host only when it leaves.
 */
export class Draft {
  readonly method: string
  readonly headers: Headers
  readonly body: string | null
  readonly signal: AbortSignal | null
  readonly credentials: RequestCredentials

  constructor(
    readonly url: string,
    init: RequestInit = {},
  ) {
    this.method = init.method ?? 'GET'
    this.headers = new Headers(init.headers)
    this.body = typeof init.body === 'string' ? init.body : null
    this.signal = init.signal ?? null
    this.credentials = init.credentials ?? 'omit'
  }

  get isDeed(): boolean {
    return this.headers.has('Idempotency-Key')
  }
}

/** One attempt. The whole answer is read within the deadline; anything but a good answer is thrown. */
export async function send(draft: Draft, init: RequestInit = {}): Promise<Response> {
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  const signal = draft.signal ? AbortSignal.any([draft.signal, deadline]) : deadline
  let answer: Response
  let body: ArrayBuffer
  try {
    const { method, headers, body: sent, credentials } = draft
    answer = await fetch(apiUrl(draft.url), { method, headers, body: sent, credentials, signal, ...init })
    body = await answer.arrayBuffer()
  } catch (error) {
    if (draft.signal?.aborted) throw error
    throw noAnswer(draft, deadline.aborted ? 'timeout' : 'unreachable')
  }
  if (!answer.ok) throw refusal(draft, answer, body)
  return readable(draft, answer, body)
}

function noAnswer(draft: Draft, code: 'timeout' | 'unreachable'): ApiFailure {
  return new ApiFailure({ status: null, code, message: code, isDeed: draft.isDeed })
}

function readable(draft: Draft, answer: Response, body: ArrayBuffer): Response {
  const { status, headers } = answer
  if (status === 204 || status === 205) return new Response(null, { status, headers })

  const kind = headers.get('Content-Type') ?? ''
  const isGarbage = isJson(kind) ? parsed(body) === undefined : kind === '' || kind.startsWith('text/html')
  if (isGarbage) throw garbage(draft, status)
  return new Response(body, { status, headers })
}

/** The API's envelope; of whatever stands in front of it, and says something else, only the status. */
function refusal(draft: Draft, answer: Response, body: ArrayBuffer): ApiFailure {
  const said = parsed(body)
  if (!isEnvelope(said)) return garbage(draft, answer.status)

  const { code, message, details } = said.error
  const field = details?.['field']
  return new ApiFailure({
    status: answer.status,
    code,
    message,
    details: details ?? {},
    field: typeof field === 'string' ? field : undefined,
    requestId: said.meta?.request_id,
    isDeed: draft.isDeed,
  })
}

function garbage(draft: Draft, status: number): ApiFailure {
  return new ApiFailure({ status, code: 'garbage', message: `HTTP ${status}`, isDeed: draft.isDeed })
}

function isJson(kind: string): boolean {
  return /^application\/([a-z.-]+\+)?json\b/.test(kind)
}

function parsed(body: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}

interface Envelope {
  error: { code: string; message: string; details?: Record<string, unknown> }
  meta?: { request_id?: string }
}

function isEnvelope(said: unknown): said is Envelope {
  if (typeof said !== 'object' || said === null || !('error' in said)) return false
  const error = said.error
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
}
