import { type BrCode, parseBrCode, type PixKeyKind } from '@fluxiq/kit'
import { looksLikeBrCode, meantKeys, type PixKey } from '../../parts/pixKey'

export type CodeProblem =
  | 'codeCrc'
  | 'codeCut'
  | 'codeMalformed'
  | 'codeNotPix'
  | 'codeAmount'
  | 'codeKey'
  | 'codeTooLong'
  | 'codeDynamic'

export type Destination =
  | { kind: 'empty' }
  | { kind: 'keys'; keys: PixKey[] }
  | { kind: 'code'; key: string; code: BrCode }
  | { kind: 'wrong'; problem: CodeProblem | 'noKey'; named: Record<string, string> }

const PROBLEMS: Record<string, CodeProblem> = {
  crc: 'codeCrc',
  crc_missing: 'codeCut',
  not_pix: 'codeNotPix',
  amount: 'codeAmount',
  key: 'codeKey',
  too_long: 'codeTooLong',
}

/** Whom a text leads to: keys that may be meant, a code that can be paid, or why it cannot. */
export function destinationOf(text: string): Destination {
  if (text.trim() === '') return { kind: 'empty' }
  if (looksLikeBrCode(text)) return destinationOfCode(text)

  const keys = meantKeys(text)
  return keys.length > 0 ? { kind: 'keys', keys } : { kind: 'wrong', problem: 'noKey', named: {} }
}

function destinationOfCode(text: string): Destination {
  const read = parseBrCode(text)
  if ('error' in read) {
    const problem = PROBLEMS[read.error] ?? 'codeMalformed'
    return { kind: 'wrong', problem, named: { field: read.field ?? '' } }
  }
  if (read.key === undefined) {
    const host = (read.url ?? read.recurrenceUrl ?? '').split('/')[0] ?? ''
    return { kind: 'wrong', problem: 'codeDynamic', named: { host } }
  }
  return { kind: 'code', key: read.key, code: read }
}

export const AS_KIND = {
  cpf: 'asCpf',
  cnpj: 'asCnpj',
  phone: 'asPhone',
  email: 'asEmail',
  evp: 'asEvp',
} as const satisfies Record<PixKeyKind, string>
