import { api, dataOf, failureOf, useDeed, type ApiFailure, type Deed } from '@fluxiq/kit'
import { computed, ref, shallowRef, watch } from 'vue'
import type { Verb } from '../shared/records'
import { askedFor, readArgument, typeOf } from './arguments'

export interface Asked {
  number: number
  at: string
  verb: string
  written: Readonly<Record<string, string>>
  seconds: number
  code: string | null
  answer: unknown
}

type Ask = { verb: string; arguments: Record<string, unknown>; reason?: string }

/** Answers are kept while the page is open, and no longer: they may tell of people. */
const HISTORY_MAX = 50

export function useConsole() {
  const verb = shallowRef<Verb | null>(null)
  const written = ref<Record<string, string>>({})
  const history = shallowRef<readonly Asked[]>([])
  const shown = shallowRef<Asked | null>(null)

  const boxes = computed(() =>
    verb.value === null
      ? []
      : askedFor(verb.value).map((name) => {
          const type = typeOf(verb.value?.verb ?? '', name)
          return { name, type, read: readArgument(type, written.value[name] ?? '') }
        }),
  )
  const isReady = computed(() => boxes.value.every(({ read }) => read === null || 'value' in read))

  const deed: Deed<Ask, unknown> = useDeed({ run: ({ verb: name, ...body }: Ask, key) => recorded(name, () => send(name, body, key)) })
  watch(verb, () => deed.reset())

  function choose(next: Verb, words: Readonly<Record<string, string>> = {}) {
    verb.value = next
    written.value = { ...words }
    shown.value = null
  }

  function ask(reason?: string) {
    if (verb.value === null || !isReady.value) return
    const said = boxes.value.flatMap(({ name, read }) => (read !== null && 'value' in read ? [[name, read.value] as const] : []))
    void deed.start({ verb: verb.value.verb, arguments: Object.fromEntries(said), ...(reason !== undefined && { reason }) })
  }

  async function recorded(name: string, work: () => Promise<unknown>): Promise<unknown> {
    const begun = performance.now()
    const words = { ...written.value }
    const entry = (code: string | null, answer: unknown) => {
      const seconds = (performance.now() - begun) / 1000
      const one = { number: (history.value[0]?.number ?? 0) + 1, at: new Date().toISOString(), verb: name, written: words, seconds, code, answer }
      history.value = [one, ...history.value].slice(0, HISTORY_MAX)
      shown.value = code === null ? one : null
    }
    try {
      const answer = await work()
      entry(null, answer)
      return answer
    } catch (error) {
      const failure: ApiFailure = failureOf(error)
      entry(failure.code, null)
      throw failure
    }
  }

  return { verb, written, boxes, isReady, history, shown, deed, choose, ask, clear: () => (history.value = []) }
}

async function send(verb: string, body: Omit<Ask, 'verb'>, key: string): Promise<unknown> {
  const params = { path: { verb }, header: { 'Idempotency-Key': key } }
  return (await dataOf(api.POST('/api/v1/operations/verbs/{verb}', { params, body }))).answer
}
