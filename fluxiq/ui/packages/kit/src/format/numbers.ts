import { currentLocale } from '../i18n/i18n'

type Options = Intl.NumberFormatOptions

const formats = new Map<string, Intl.NumberFormat>()

/** Centavos as `R$ 1.234,56`. Exact: no float is divided. */
export function money(centavos: number): string {
  const absolute = Math.abs(Math.trunc(centavos))
  const reais = Math.trunc(absolute / 100)
  const rest = String(absolute % 100).padStart(2, '0')
  // The sign of the currency and both separators as the language has them; the digits are ours.
  return parts('money', { style: 'currency', currency: 'BRL' }, centavos < 0 ? -1 : 1)
    .map(({ type, value }) => {
      if (type === 'integer') return format('integer', { maximumFractionDigits: 0 }).format(reais)
      return type === 'fraction' ? rest : value
    })
    .join('')
}

export function count(n: number): string {
  return format('integer', { maximumFractionDigits: 0 }).format(n)
}

/** `3,1`, with one decimal at most. */
export function decimal(n: number): string {
  return format('decimal', { maximumFractionDigits: 1 }).format(n)
}

/** A share from 0 to 1 as `98,7%`, with so many decimals at most. */
export function percent(share: number, decimals = 1): string {
  return format(`percent ${decimals}`, { style: 'percent', maximumFractionDigits: decimals }).format(share)
}

/**
 * Centavos of what somebody typed: `1.234,56`, `1234.56`, `R$ 10`. Null when it is not plain which
 * amount is meant, or is none: `1.23456`, `12,345`, `-3`, `1,2,3`.
 */
export function parseMoney(text: string): number | null {
  const plain = text.replace(/R\$|\s|\u00a0/g, '')
  const match = /^(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{1,2}))?$|^(\d{1,3}(?:,\d{3})+(?=\.)|\d+)(?:\.(\d{1,2}))?$/.exec(plain)
  if (match === null) return null

  const reais = (match[1] ?? match[3] ?? '').replace(/[.,]/g, '')
  const rest = (match[2] ?? match[4] ?? '').padEnd(2, '0')
  const centavos = Number(reais + rest)
  return Number.isSafeInteger(centavos) ? centavos : null
}

function parts(name: string, options: Options, value: number): Intl.NumberFormatPart[] {
  return format(name, options).formatToParts(value)
}

function format(name: string, options: Options): Intl.NumberFormat {
  const key = `${currentLocale.value} ${name}`
  const known = formats.get(key) ?? new Intl.NumberFormat(currentLocale.value, options)
  formats.set(key, known)
  return known
}
