import { useWords } from '@fluxiq/kit'
import { approvalWords } from './words'

const NAMED = ['payment_decide', 'sealing_rotate', 'sealing_rewrap', 'breaker_open', 'breaker_close', 'breaker_auto'] as const

/** What a verb of the desk does, in words; the verb itself where there are none for it. */
export function useDeedName() {
  const { t } = useWords(approvalWords)
  return (verb: string) => {
    const known = NAMED.find((one) => one === verb)
    return known ? t(`deed_${known}`) : verb
  }
}
