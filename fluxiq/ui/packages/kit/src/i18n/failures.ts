import { shallowReactive } from 'vue'
import type { ApiFailure } from '../api/failure'
import { type Locale, currentLocale } from './i18n'

type Texts = Readonly<Record<string, string>>

const known = shallowReactive(new Map<Locale, Texts>())

const LOADERS: Record<Locale, () => Promise<{ texts: Texts }>> = {
  'pt-BR': () => import('./failures.pt'),
  en: () => import('./failures.en'),
}

/** The texts of the language that is spoken: when the page begins, and when it changes. */
export async function loadFailures(): Promise<void> {
  const locale = currentLocale.value
  if (known.has(locale)) return
  try {
    known.set(locale, (await LOADERS[locale]()).texts)
  } catch {
    // Offline: until they come, the API's own words are shown.
  }
}

/** What a failure means to who looks at the page. Of a code that is not known, the API's message. */
export function failureText(failure: ApiFailure): string {
  const texts = known.get(currentLocale.value)
  if (failure.isUnknown) return texts?.['outcome_unknown'] ?? failure.message
  return texts?.[failure.code] ?? failure.message
}
