// What goes wrong on paper, where neither a browser nor the API can bring it about.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { places } from './places'
import { ROOT, python } from './platform'
import { login } from './world'

const run = promisify(execFile)
const MILLISECONDS_MAX = 60_000

export const Mishap = {
  /** A payment comes whose message no code understands; returns its line of the visitors' book. */
  garble: () => befall('garble'),
  /** The dead letter of such a line makes sense again, as with a new version of the program. */
  repair: (entry: string) => befall('repair', entry),
  /** A payout was made two hours ago. */
  age: (payout: string) => befall('age', payout),
}

async function befall(mishap: string, ...about: string[]): Promise<string> {
  const words = ['-m', 'tests.support.mishaps', places().data, login().ispb, mishap, ...about]
  return (await run(python(), words, { cwd: ROOT, timeout: MILLISECONDS_MAX })).stdout.trim()
}
