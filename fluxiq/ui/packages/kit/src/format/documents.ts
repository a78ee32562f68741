/** CPF, CNPJ and PIX keys: as the domain of the platform has them, for who types them. */
export type PixKeyKind = 'cpf' | 'cnpj' | 'phone' | 'email' | 'evp'

const CPF_WEIGHTS = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
const CNPJ_WEIGHTS = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]

const PHONE = /^\+[1-9][0-9]{1,14}$/
const EVP = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
const KEY_LENGTH_MAX = 77

/** Without punctuation, in capitals. Of ASCII alone: other letters would turn into some that are. */
export function bareDocument(text: string): string {
  return text.replace(/[.\-/ ]/g, '').replace(/[a-z]/g, (one) => one.toUpperCase())
}

/** `123.456.789-09`, `12.ABC.345/01DE-35`; what is neither stays as it is. Stars are masked digits. */
export function documentText(text: string): string {
  const bare = bareDocument(text)
  if (/^[\d*]{11}$/.test(bare)) return bare.replace(/(.{3})(.{3})(.{3})(.{2})/, '$1.$2.$3-$4')
  if (/^[\dA-Z*]{14}$/.test(bare)) return bare.replace(/(.{2})(.{3})(.{3})(.{4})(.{2})/, '$1.$2.$3/$4-$5')
  return text
}

/** A CPF or a CNPJ (with letters since July 2026) whose check digits are right. */
export function isDocument(text: string): boolean {
  const bare = bareDocument(text)
  return isCpf(bare) || isCnpj(bare)
}

/** What a PIX key is, by its text alone; null when it is none. */
export function pixKeyKind(text: string): PixKeyKind | null {
  if (PHONE.test(text.replace(/[() -]/g, ''))) return 'phone'
  // A Kelvin sign becomes a k in lower case: somebody else's key.
  const lower = text.trim().replace(/[A-Z]/g, (one) => one.toLowerCase())
  if (EVP.test(lower)) return 'evp'
  if (lower.length <= KEY_LENGTH_MAX && EMAIL.test(lower)) return 'email'
  const bare = bareDocument(text)
  if (isCpf(bare)) return 'cpf'
  return isCnpj(bare) ? 'cnpj' : null
}

function isCpf(bare: string): boolean {
  return /^[0-9]{11}$/.test(bare) && !isOneCharacter(bare) && isChecked(bare, CPF_WEIGHTS)
}

function isCnpj(bare: string): boolean {
  return /^[0-9A-Z]{12}[0-9]{2}$/.test(bare) && !isOneCharacter(bare) && isChecked(bare, CNPJ_WEIGHTS)
}

function isOneCharacter(bare: string): boolean {
  return new Set(bare).size === 1
}

/** `weights` are the second digit's; the first one's are the same without the leftmost. */
function isChecked(bare: string, weights: readonly number[]): boolean {
  const values = Array.from(bare, (one) => one.charCodeAt(0) - 48)
  const first = checkDigit(values.slice(0, -2), weights.slice(1))
  const second = checkDigit(values.slice(0, -1), weights)
  return values.at(-2) === first && values.at(-1) === second
}

function checkDigit(values: readonly number[], weights: readonly number[]): number {
  const total = values.reduce((sum, value, at) => sum + value * weights[at]!, 0)
  return total % 11 < 2 ? 0 : 11 - (total % 11)
}
