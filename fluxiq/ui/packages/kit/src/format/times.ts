import { currentLocale } from '../i18n/i18n'
import { decimal } from './numbers'

const formats = new Map<string, Intl.DateTimeFormat>()

/** `27 de nov. de 2026, 14:05`, by the clock of who looks. */
export function dateTime(iso: string): string {
  return shown(iso, 'dateTime', { dateStyle: 'medium', timeStyle: 'short' })
}

/** To the second and with the zone: for who has to compare. */
export function exactTime(iso: string): string {
  return shown(iso, 'exact', { dateStyle: 'full', timeStyle: 'long' })
}

/** A day. `2026-11-27` alone is that day, wherever one looks from. */
export function day(iso: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(iso)
  if (isDay) return shown(iso, 'utcDay', { dateStyle: 'medium', timeZone: 'UTC' })
  return shown(iso, 'day', { dateStyle: 'medium' })
}

export function time(iso: string): string {
  return shown(iso, 'time', { timeStyle: 'medium' })
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** "há 5 minutos", "em 2 dias"; whatever is within a minute is now. */
export function ago(iso: string, now: number = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000
  if (Number.isNaN(seconds)) return iso
  const words = new Intl.RelativeTimeFormat(currentLocale.value, { numeric: 'auto' })
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1]
  return words.format(unit === 'second' ? 0 : Math.trunc(seconds / length), unit)
}

/** `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.01) return `${decimal(seconds * 1000)} ms`
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return both(whole, 60, 'min', 1, 's')
  return whole < 86_400 ? both(whole, 3600, 'h', 60, 'min') : both(whole, 86_400, 'd', 3600, 'h')
}

function both(whole: number, large: number, name: string, small: number, smallName: string): string {
  const rest = Math.trunc((whole % large) / small)
  return `${Math.trunc(whole / large)} ${name}${rest > 0 ? ` ${rest} ${smallName}` : ''}`
}

function shown(iso: string, name: string, options: Intl.DateTimeFormatOptions): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const key = `${currentLocale.value} ${name}`
  const format = formats.get(key) ?? new Intl.DateTimeFormat(currentLocale.value, options)
  formats.set(key, format)
  return format.format(at)
}
