import { useWords } from '@fluxiq/kit'
import type { RequestLine } from '../records'
import { requestWords } from './words'

/** How long an answer took, to a tenth of a millisecond, as the language writes numbers. */
export function useTook() {
  const { t, locale } = useWords(requestWords)
  const tookText = ({ milliseconds }: Pick<RequestLine, 'milliseconds'>) =>
    t('ms', { ms: milliseconds.toLocaleString(locale.value, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) })
  return { tookText }
}
