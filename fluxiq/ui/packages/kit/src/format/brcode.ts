import { pixKeyKind } from './documents'

/**
 * The text behind a PIX QR code ("Pix copia e cola"), read in the page: what is shown to who pays
 * comes from here, what is paid is decided by the platform, which reads it again.
 *
 * EMVCo Merchant-Presented QR Code v1.1 and BACEN's Manual do BR Code: two digits of id, two of
 * length in characters, the value; the CRC is over the bytes in UTF-8.
 */
export interface BrCode {
  merchant: string
  city: string
  /** Exactly one of key, url and a recurrence's url. */
  key?: string
  url?: string
  recurrenceUrl?: string
  info?: string
  /** Centavos; missing where the payer chooses. A dynamic code's payload decides. */
  amount?: number
  txid?: string
  category: string
  isOnce: boolean
}

export type BrCodeProblem = 'empty' | 'too_long' | 'crc_missing' | 'crc' | 'malformed' | 'not_pix' | 'amount' | 'key'

export type BrCodeRead = BrCode | { error: BrCodeProblem; field?: string }

class Problem extends Error {
  constructor(
    readonly problem: BrCodeProblem,
    readonly field?: string,
  ) {
    super(problem)
  }
}

const LENGTH_MAX = 512
const GUI = 'br.gov.bcb.pix'

export function parseBrCode(text: string): BrCodeRead {
  try {
    return parse(text.trim())
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.field === undefined ? { error: error.problem } : { error: error.problem, field: error.field }
  }
}

function parse(text: string): BrCode {
  if (text === '') throw new Problem('empty')
  if (Array.from(text).length > LENGTH_MAX) throw new Problem('too_long')

  const fields = read(unsealed(text))
  if (fields.keys().next().value !== '00') throw new Problem('malformed', '00')
  expect(fields, '00', '01')
  expect(fields, '53', '986')
  expect(fields, '58', 'BR')
  const account = template(fields, 26, 51)
  if (account === null) throw new Problem('not_pix', '26')

  const recurrence = template(fields, 80, 99)
  const code: BrCode = {
    merchant: required(fields, '59'),
    city: required(fields, '60'),
    category: required(fields, '52'),
    isOnce: fields.get('01') === '12',
    ...given('key', account.get('01')),
    ...given('url', account.get('25')),
    ...given('info', account.get('02')),
    ...given('recurrenceUrl', recurrence?.get('25')),
    ...given('amount', amountOf(fields.get('54'))),
    ...given('txid', txidOf(required(fields, '62'))),
  }
  check(code)
  return code
}

function check(code: BrCode): void {
  if (!/^[0-9]{4}$/.test(code.category)) throw new Problem('malformed', '52')
  if (code.key !== undefined && code.url !== undefined) throw new Problem('malformed', '26.25')
  if (code.key === undefined && code.url === undefined && code.recurrenceUrl === undefined) {
    throw new Problem('malformed', '26.01')
  }
  if (code.key !== undefined && pixKeyKind(code.key) === null) throw new Problem('key', '26.01')
}

/** What a right CRC vouches for. In capitals, as the manual writes it: laxer would let changes pass. */
function unsealed(text: string): string {
  if (!/6304[0-9A-F]{4}$/.test(text)) throw new Problem('crc_missing', '63')
  const crc = crc16(new TextEncoder().encode(text.slice(0, -4)))
  if (crc !== Number.parseInt(text.slice(-4), 16)) throw new Problem('crc', '63')
  return text.slice(0, -8)
}

/** CRC-16/CCITT-FALSE: polynomial 0x1021, initial 0xFFFF, nothing reflected. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc
}

/** The values by id. Characters are code points: an emoji is one. */
function read(text: string, within = ''): Map<string, string> {
  const characters = Array.from(text)
  const fields = new Map<string, string>()
  for (let at = 0; at < characters.length; ) {
    const header = characters.slice(at, at + 4).join('')
    const tag = header.slice(0, 2)
    if (!/^[0-9]{4}$/.test(header)) throw new Problem('malformed', within + tag)

    const length = Number(header.slice(2))
    const value = characters.slice(at + 4, at + 4 + length)
    if (length === 0 || value.length < length || fields.has(tag)) throw new Problem('malformed', within + tag)
    fields.set(tag, value.join(''))
    at += 4 + length
  }
  return fields
}

/** The one template among `first` to `last` that is PIX's; other schemes' may stand beside it. */
function template(fields: Map<string, string>, first: number, last: number): Map<string, string> | null {
  let found: Map<string, string> | null = null
  for (let number = first; number <= last; number += 1) {
    const value = fields.get(String(number))
    if (!value?.toLowerCase().startsWith(`00${GUI.length}${GUI}`)) continue
    if (found !== null) throw new Problem('malformed', String(number))
    found = read(value, `${number}.`)
  }
  return found
}

function expect(fields: Map<string, string>, tag: string, wanted: string): void {
  if (required(fields, tag) !== wanted) throw new Problem('malformed', tag)
}

function required(fields: Map<string, string>, tag: string): string {
  const value = fields.get(tag)
  if (value === undefined) throw new Problem('malformed', tag)
  return value
}

function amountOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,2}))?$/.exec(text)
  const centavos = match === null ? 0 : Number(match[1] + (match[2] ?? '').padEnd(2, '0'))
  if (centavos === 0) throw new Problem('amount', '54')
  return centavos
}

function txidOf(additional: string): string | undefined {
  const txid = read(additional, '62.').get('05')
  if (txid === undefined) throw new Problem('malformed', '62.05')
  return txid === '***' ? undefined : txid
}

function given<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>)
}
