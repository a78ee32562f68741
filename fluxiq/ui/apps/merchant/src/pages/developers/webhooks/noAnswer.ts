import { useWords } from '@fluxiq/kit'
import { deliveryWords } from './deliveryWords'

type Why = 'silent' | 'private' | 'unnamed' | 'refused' | 'tls' | 'broken' | 'notHttp'

/** Why a delivery got no answer, by what the courier says of it: its own words, and the system's. */
const WHYS: readonly [RegExp, Why][] = [
  [/^nothing within (?<seconds>[\d.]+) s/, 'silent'],
  [/which is not a public address/, 'private'],
  [/is not a name|has no address|name or service not known|name resolution|no address associated|nodename nor servname/i, 'unnamed'],
  [/certificate|hostname mismatch|tls|ssl/i, 'tls'],
  [/all attempts to connect|connection refused|unreachable|no route|timed out/i, 'refused'],
  [/^the connection broke|^the server closed the connection|reset by peer/i, 'broken'],
  [/^the answer is not HTTP|^the answer's headers|^the server switched/, 'notHttp'],
]

/** That in a sentence; null where the courier says something that nobody foresaw. */
export function useNoAnswer() {
  const { t } = useWords(deliveryWords)
  function sentenceOf(error: string): string | null {
    for (const [pattern, why] of WHYS) {
      const found = pattern.exec(error)
      if (found) return t(`why_${why}`, found.groups)
    }
    return null
  }
  return { sentenceOf }
}
