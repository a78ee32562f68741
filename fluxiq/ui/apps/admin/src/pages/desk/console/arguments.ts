import type { Verb } from '../shared/records'

export type ArgumentType = 'text' | 'number' | 'flag' | 'object' | 'moment'

/** As docs/admin-socket.md has them; whatever else there is, also of a verb that a room adds, is a text. */
const TYPES: Readonly<Record<string, ArgumentType>> = {
  limit: 'number',
  count: 'number',
  size: 'number',
  seconds: 'number',
  page: 'number',
  run: 'number',
  line: 'number',
  after_xid: 'number',
  after_id: 'number',
  all: 'flag',
  deep: 'flag',
  totp: 'flag',
  on: 'flag',
  checkpoints: 'flag',
  changes: 'object',
  declaration: 'object',
  payment: 'object',
  report: 'object',
  falsehood: 'object',
  since: 'moment',
  until: 'moment',
}

/** Records that the database numbers; others are named by texts, also where those are digits. */
const NUMBERED = /^(dead_letter|reconciliation)_?/

export function typeOf(verb: string, argument: string): ArgumentType {
  if (argument === 'id') return NUMBERED.test(verb) ? 'number' : 'text'
  return TYPES[argument] ?? 'text'
}

/** The arguments to ask for: the reason has a place of its own. */
export const askedFor = ({ arguments: names }: Verb) => names.filter((name) => name !== 'reason')

export type Read = { value: unknown } | { wrong: 'number' | 'object' } | null

/** What was written in a box, as the desk takes it; null where nothing was. */
export function readArgument(type: ArgumentType, written: string): Read {
  const text = written.trim()
  if (text === '') return null
  if (type === 'number') return /^-?\d{1,15}$/.test(text) ? { value: Number(text) } : { wrong: 'number' }
  if (type === 'flag') return { value: text === 'true' }
  if (type === 'object') return objectIn(text)
  return { value: text }
}

function objectIn(text: string): Read {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject && Object.keys(value).length > 0 ? { value } : { wrong: 'object' }
  } catch {
    return { wrong: 'object' }
  }
}
