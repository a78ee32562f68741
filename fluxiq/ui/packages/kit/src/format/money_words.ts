import type { Locale } from '../i18n/i18n'

/**
 * An amount in words, as it is written on cheques: a digit too many is easily read over, "vinte mil
 * reais" is not. Up to a quadrillion centavos; beyond it, the digits.
 */
export function moneyInWords(centavos: number, locale: Locale): string {
  const absolute = Math.abs(centavos)
  if (!Number.isSafeInteger(absolute)) return String(centavos)

  const reais = Math.trunc(absolute / 100)
  const rest = absolute % 100
  const words = LANGUAGES[locale](reais, rest)
  return centavos < 0 ? `${MINUS[locale]} ${words}` : words
}

const MINUS: Record<Locale, string> = { 'pt-BR': 'menos', en: 'minus' }

const LANGUAGES: Record<Locale, (reais: number, centavos: number) => string> = {
  'pt-BR': inPortuguese,
  en: inEnglish,
}

/** Groups of three digits, the highest first, with the power of a thousand that they stand for. */
function groups(n: number): { value: number; power: number }[] {
  const found = []
  for (let rest = n, power = 0; rest > 0; rest = Math.trunc(rest / 1000), power += 1) {
    if (rest % 1000 > 0) found.unshift({ value: rest % 1000, power })
  }
  return found
}

// Portuguese.

const UNITS = (
  'zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis ' +
  'dezessete dezoito dezenove'
).split(' ')
const TENS = ' dez vinte trinta quarenta cinquenta sessenta setenta oitenta noventa'.split(' ')
const HUNDREDS = (
  ' cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos'
).split(' ')
const POWERS = [
  ['', ''],
  ['mil', 'mil'],
  ['milhão', 'milhões'],
  ['bilhão', 'bilhões'],
  ['trilhão', 'trilhões'],
] as const

function inPortuguese(reais: number, centavos: number): string {
  const cents = `${portuguese(centavos)} ${centavos === 1 ? 'centavo' : 'centavos'}`
  if (reais === 0) return centavos === 0 ? 'zero reais' : cents

  // "um milhão de reais", but "um milhão e um reais": nothing smaller than a million follows.
  const de = reais % 1_000_000 === 0 ? 'de ' : ''
  const whole = `${portuguese(reais)} ${de}${reais === 1 ? 'real' : 'reais'}`
  return centavos === 0 ? whole : `${whole} e ${cents}`
}

function portuguese(n: number): string {
  if (n === 0) return 'zero'
  const all = groups(n)
  return all
    .map(({ value, power }, at) => {
      const named = POWERS[power]?.[value === 1 ? 0 : 1] ?? ''
      const words = power === 1 && value === 1 ? 'mil' : `${hundred(value)} ${named}`.trim()
      if (at === 0) return words
      // "mil e cem", "mil e um", but "mil, duzentos e trinta": a round last group is joined.
      const isJoined = at === all.length - 1 && (value < 100 || value % 100 === 0)
      return (isJoined ? ' e ' : ', ') + words
    })
    .join('')
}

function hundred(n: number): string {
  if (n === 100) return 'cem'
  const found = []
  if (n >= 100) found.push(HUNDREDS[Math.trunc(n / 100)])
  const rest = n % 100
  if (rest >= 20) {
    found.push(TENS[Math.trunc(rest / 10)])
    if (rest % 10 > 0) found.push(UNITS[rest % 10])
  } else if (rest > 0) found.push(UNITS[rest])
  return found.join(' e ')
}

// English.

const ONES = (
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen ' +
  'seventeen eighteen nineteen'
).split(' ')
const TIES = ' ten twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const THOUSANDS = ['', 'thousand', 'million', 'billion', 'trillion']

function inEnglish(reais: number, centavos: number): string {
  const cents = `${english(centavos)} ${centavos === 1 ? 'centavo' : 'centavos'}`
  if (reais === 0) return centavos === 0 ? 'zero reais' : cents

  const whole = `${english(reais)} ${reais === 1 ? 'real' : 'reais'}`
  return centavos === 0 ? whole : `${whole} and ${cents}`
}

function english(n: number): string {
  if (n === 0) return 'zero'
  return groups(n)
    .map(({ value, power }) => `${englishHundred(value)} ${THOUSANDS[power] ?? ''}`.trim())
    .join(' ')
}

function englishHundred(n: number): string {
  const found = []
  if (n >= 100) found.push(`${ONES[Math.trunc(n / 100)]} hundred`)
  const rest = n % 100
  if (rest >= 20) {
    const one = rest % 10 > 0 ? `-${ONES[rest % 10]}` : ''
    found.push(`${TIES[Math.trunc(rest / 10)]}${one}`)
  } else if (rest > 0) found.push(ONES[rest])
  return found.join(' ')
}
