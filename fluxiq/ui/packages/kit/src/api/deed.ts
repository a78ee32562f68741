import { useQueryClient } from '@tanstack/vue-query'
import { type Ref, getCurrentScope, onScopeDispose, ref, shallowRef } from 'vue'
import { type ApiFailure, failureOf } from './failure'

export interface Deed<I, T> {
  /** Does nothing while it is running. Never throws: see `failure`. */
  start: (input: I) => Promise<void>
  isRunning: Readonly<Ref<boolean>>
  failure: Readonly<Ref<ApiFailure | null>>
  /** It may have happened: `start` again asks under the same key, and does nothing twice. */
  isUnknown: Readonly<Ref<boolean>>
  result: Readonly<Ref<T | undefined>>
  /** Another intent: what was started and is unknown is left to itself. */
  reset: () => void
}

export interface DeedOptions<I, T> {
  run: (input: I, idempotencyKey: string) => Promise<T>
  /** Keys of what is read again once it is done. */
  after?: readonly (readonly unknown[])[]
  done?: (result: T) => void
}

/** Refusals that are not about what was asked, only about asking now: they end no intent. */
const BESIDE_THE_POINT = new Set([
  'unauthorized',
  'forbidden',
  'address_not_allowed',
  'institution_suspended',
  'idempotency_key_reused',
])

/**
 * Something that is done once, however often somebody clicks. One intent has one idempotency key,
 * kept until it is known how it ended: done, or refused for what it is. While that is unknown other
 * input does not get another key: the API refuses it under this one, and money moves once.
 */
export function useDeed<T, I = void>(options: DeedOptions<I, T>): Deed<I, T> {
  const client = useQueryClient()
  const isRunning = ref(false)
  const isUnknown = ref(false)
  const failure = shallowRef<ApiFailure | null>(null)
  const result = shallowRef<T | undefined>()
  let intent: { key: string; input: string } | null = null
  let isGone = false
  if (getCurrentScope()) onScopeDispose(() => (isGone = true))

  async function start(input: I): Promise<void> {
    if (isRunning.value) return
    isRunning.value = true
    const said = JSON.stringify(input) ?? ''
    if (intent === null || (!isUnknown.value && intent.input !== said)) {
      intent = { key: newIdempotencyKey(), input: said }
    }
    try {
      succeed(await options.run(input, intent.key))
    } catch (error) {
      fail(failureOf(error))
    } finally {
      isRunning.value = false
    }
  }

  function succeed(given: T): void {
    end()
    result.value = given
    for (const queryKey of options.after ?? []) void client.invalidateQueries({ queryKey })
    // Whoever left the page is not sent anywhere.
    if (!isGone) options.done?.(given)
  }

  function fail(why: ApiFailure): void {
    if (why.isUnknown) isUnknown.value = true
    else if (!why.isRetryable && !BESIDE_THE_POINT.has(why.code)) end()
    failure.value = why
  }

  function end(): void {
    intent = null
    isUnknown.value = false
    failure.value = null
  }

  function reset(): void {
    end()
    result.value = undefined
  }

  return { start, isRunning, failure, isUnknown, result, reset }
}

/** 122 random bits; also where the page is not of a secure context, which has no `randomUUID`. */
function newIdempotencyKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (one) => one.toString(16).padStart(2, '0')).join('')
}
