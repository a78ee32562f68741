/** The report of a crash, as far as it is what we know: it comes as plain data. */
export interface Raised {
  type: string
  message: string
  notes: string[]
  frames: { function: string; file: string; line: number }[]
  cause: Raised | null
  context: Raised | null
  exceptions: Raised[]
}

export interface Before {
  id: number
  kind: string
  path: string
  seconds_before: number
  reason: string
}

type Plain = Record<string, unknown>

const DEPTH_MAX = 12

/** The exception with what caused it; null where the report has none. */
export function raisedOf(value: unknown, depth = 0): Raised | null {
  if (!isPlain(value) || typeof value.type !== 'string' || depth > DEPTH_MAX) return null
  return {
    type: value.type,
    message: textOf(value.message),
    notes: listOf(value.notes).map(textOf),
    frames: listOf(value.frames).filter(isPlain).map((frame) => ({
      function: textOf(frame.function),
      file: textOf(frame.file),
      line: Number(frame.line),
    })),
    cause: raisedOf(value.cause, depth + 1),
    context: raisedOf(value.context, depth + 1),
    exceptions: listOf(value.exceptions).map((one) => raisedOf(one, depth + 1)).filter((one) => one !== null),
  }
}

export function eventsOf(report: Plain): Before[] {
  return listOf(report.events).filter(isPlain).map((event) => ({
    id: Number(event.id),
    kind: textOf(event.kind),
    path: textOf(event.path),
    seconds_before: Number(event.seconds_before) || 0,
    reason: textOf(event.reason),
  }))
}

export function ancestorsOf(report: Plain): string[] {
  return listOf(report.ancestors).filter(isPlain).map((one) => textOf(one.path))
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value)
}
