import { computed, ref } from 'vue'

/**
 * Words in both languages, beside the page that says them, and checked by the compiler: a key that
 * one of them lacks is an error.
 *
 * Our own, since vue-i18n brings 23 kB (gzip) of the 100 that a shell may have: its compiler of
 * messages, and all of Vue, which it imports whole.
 */
export const LOCALES = ['pt-BR', 'en'] as const
export type Locale = (typeof LOCALES)[number]
export type Text = Record<Locale, string>

interface Tree {
  [key: string]: string | Tree
}
type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
type Path<T> = {
  [K in keyof T & string]: T[K] extends string ? K : `${K}.${Path<T[K]>}`
}[keyof T & string]

export interface Words<T> {
  readonly texts: Record<Locale, Tree>
  /** Never there: what the type of keys is read from. */
  readonly of?: T
}

export type Named = Record<string, unknown>

const KEPT_AS = 'fluxiq-locale'
const locale = ref<Locale>(kept())

export const currentLocale = computed<Locale>(() => locale.value)

/** The words of a page: both languages, the same keys. Keys may be nested, and may have dots. */
export function defineWords<const T extends Tree>(words: { 'pt-BR': T; en: Shape<T> }): Words<T> {
  return { texts: words }
}

/**
 * `t('key', {name})`. Forms are parted by ` | ` and chosen by `n` or `count`: one | many, or none |
 * one | many. What stands for itself in spite of that is quoted: `{'{'}`, `{'|'}`.
 */
export function useWords<T>(words: Words<T>) {
  return { t: (key: Path<T>, named?: Named) => say(words, key, named), locale: currentLocale, text }
}

/** The same, outside of components. */
export function say<T>(words: Words<T>, key: Path<T>, named: Named = {}): string {
  const found = find(words.texts[locale.value], key) ?? find(words.texts['pt-BR'], key)
  return found === null ? key : filled(formOf(found, named), named)
}

/** A text that comes with both languages, as titles of pages do. */
export function text(one: Text): string {
  return one[locale.value]
}

export function setLocale(next: Locale): void {
  locale.value = next
  localStorage.setItem(KEPT_AS, next)
  document.documentElement.lang = next
}

/** Portuguese, until somebody chooses otherwise: the words of who is at the other end are, too. */
function kept(): Locale {
  return localStorage.getItem(KEPT_AS) === 'en' ? 'en' : 'pt-BR'
}

/** A key may have dots of its own, as types of events do. */
function find(tree: Tree, path: string): string | null {
  let found: string | Tree | undefined = tree
  let rest = path
  while (typeof found === 'object') {
    const whole: string | Tree | undefined = found[rest]
    if (typeof whole === 'string') return whole
    const dot = rest.indexOf('.')
    if (dot < 0) return null
    found = found[rest.slice(0, dot)]
    rest = rest.slice(dot + 1)
  }
  return null
}

function formOf(message: string, named: Named): string {
  const forms = message.split(' | ')
  const count = named['count'] ?? named['n']
  if (forms.length === 1 || typeof count !== 'number') return message

  const one = forms.length === 2 ? 0 : 1
  const at = count === 0 && one === 1 ? 0 : Math.abs(count) === 1 ? one : one + 1
  return forms[at] ?? message
}

function filled(message: string, named: Named): string {
  return message.replace(/\{(?:'([^']*)'|(\w+))\}/g, (_, quoted: string | undefined, name: string) =>
    quoted === undefined ? String(named[name] ?? '') : quoted,
  )
}
