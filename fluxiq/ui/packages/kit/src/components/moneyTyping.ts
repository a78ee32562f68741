import { money } from '../format'

/** The largest amount one can type: 99.999.999.999,99; the ledger holds more, no payment does. */
export const TYPED_CENTAVOS_MAX = 9_999_999_999_999

const DIGITS_MAX = String(TYPED_CENTAVOS_MAX).length

/** What a person typed, read as Brazilians type money: digits push in from the right. */
export function typedCentavos(text: string): number | null | 'too_long' {
  const digits = text.replace(/\D/g, '').replace(/^0+/, '')
  if (digits.length > DIGITS_MAX) return 'too_long'
  return digits === '' ? null : Number(digits)
}

/** 123456 → '1.234,56' ('1,234.56' in English): what stands in the box, behind its 'R$'. */
export function shownCentavos(centavos: number | null | undefined): string {
  if (centavos === null || centavos === undefined) return ''
  return money(centavos).replace(/R\$\s?/, '')
}

/** The caret's place in `text` with `count` digits to its right, so that it stays where one corrects. */
export function caretBefore(text: string, count: number): number {
  let seen = 0
  for (let place = text.length; place > 0; place--) {
    if (seen === count) return place
    if (/\d/.test(text.charAt(place - 1))) seen++
  }
  return 0
}
