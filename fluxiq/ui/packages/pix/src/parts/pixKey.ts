import { bareDocument, pixKeyKind, type PixKeyKind } from '@fluxiq/kit'

export interface PixKey {
  kind: PixKeyKind
  /** As DICT stores it. */
  key: string
}

/** The area codes there are (Anatel, Plano Geral de Códigos Nacionais). */
const AREA = '(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])'
/** A mobile has eleven digits, as a CPF does. */
const MOBILE = new RegExp(`^${AREA}9[0-9]{8}$`)
const LANDLINE = new RegExp(`^${AREA}[2-5][0-9]{7}$`)

/**
 * The keys that somebody may have meant. DICT's phones begin with a plus and the country, and people
 * leave both out: eleven digits may be a CPF, a mobile phone, or both, and then a person has to say.
 */
export function meantKeys(text: string): PixKey[] {
  const typed = text.trim()
  const kind = pixKeyKind(typed)
  const found: PixKey[] = kind === null ? [] : [{ kind, key: stored(kind, typed) }]

  const digits = typed.replace(/[() -]/g, '') // with dots it was written as a document
  if (MOBILE.test(digits) || LANDLINE.test(digits)) found.push({ kind: 'phone', key: `+55${digits}` })
  return found
}

/** Whether it is meant to be a code to copy and paste, right or wrong: they all begin so. */
export function looksLikeBrCode(text: string): boolean {
  return /^\s*00020[0-9]/.test(text)
}

function stored(kind: PixKeyKind, typed: string): string {
  switch (kind) {
    case 'cpf':
    case 'cnpj':
      return bareDocument(typed)
    case 'phone':
      return typed.replace(/[() -]/g, '')
    default:
      return typed.toLowerCase()
  }
}
