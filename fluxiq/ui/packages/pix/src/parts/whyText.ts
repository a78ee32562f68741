import type { Locale } from '@fluxiq/kit'
import type { Failure } from '../records'

/** Why a payment failed, as the platform says it in both languages, with BACEN's code where there is one. */
export function whyText(failure: Failure | null | undefined, locale: Locale): string {
  if (!failure) return ''
  const said = locale === 'pt-BR' ? failure.message_pt : failure.message
  return failure.reason_code ? `${said} (${failure.reason_code})` : said
}
