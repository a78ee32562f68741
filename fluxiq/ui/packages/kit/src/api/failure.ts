/** Why a call of the API did not give what was asked for. */
export interface FailureFacts {
  status: number | null
  code: string
  message: string
  field?: string | undefined
  details?: Record<string, unknown>
  requestId?: string | undefined
  /** The request carried an idempotency key: what it asks for moves money, or makes something once. */
  isDeed?: boolean
}

/** Codes with which the API promises that nothing was done. */
const NOTHING_DONE = new Set(['unavailable', 'ledger_unavailable', 'ledger_degraded', 'sealed_data_unreadable'])

/** Codes that are of this side of the wire; the API has none of these. */
const NO_ANSWER = new Set(['timeout', 'unreachable', 'garbage'])

const WORTH_RETRYING = new Set([408, 429, 500, 502, 503, 504])

export class ApiFailure extends Error {
  /** Null where no answer came. */
  readonly status: number | null
  /** The API's, or `unreachable`, `timeout`, `garbage` where there was no answer to speak of. */
  readonly code: string
  readonly field: string | undefined
  readonly details: Record<string, unknown>
  readonly requestId: string | undefined
  readonly isRetryable: boolean
  /** It may have happened all the same: only the same idempotency key may be sent again. */
  readonly isUnknown: boolean

  constructor(facts: FailureFacts) {
    super(facts.message)
    this.name = 'ApiFailure'
    this.status = facts.status
    this.code = facts.code
    this.field = facts.field
    this.details = facts.details ?? {}
    this.requestId = facts.requestId
    this.isRetryable = NO_ANSWER.has(facts.code) || WORTH_RETRYING.has(facts.status ?? 0)
    this.isUnknown = facts.isDeed === true && mayHaveHappened(facts)
  }
}

function mayHaveHappened({ status, code }: FailureFacts): boolean {
  if (NO_ANSWER.has(code) || code === 'outcome_unknown' || code === 'idempotency_in_progress') return true
  return status !== null && status >= 500 && !NOTHING_DONE.has(code)
}

/** Whatever was thrown, as a failure that a page can show. */
export function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ApiFailure({ status: null, code: 'page_broken', message })
}
