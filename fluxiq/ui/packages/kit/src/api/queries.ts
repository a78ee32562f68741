import { QueryClient, useQuery, useQueryClient } from '@tanstack/vue-query'
import { type ComputedRef, type Ref, computed, onScopeDispose } from 'vue'
import { type LiveTopic, useLive } from '../live/live'
import { ApiFailure, failureOf } from './failure'

export interface Read<T> {
  data: Readonly<Ref<T | undefined>>
  failure: ComputedRef<ApiFailure | null>
  /** Nothing to show yet. */
  isLoading: ComputedRef<boolean>
  /** There is something to show, and what came after it did not arrive. */
  isStale: ComputedRef<boolean>
  isFetching: Readonly<Ref<boolean>>
  again: () => void
}

export interface ReadOptions<T> {
  key: () => readonly unknown[]
  read: () => Promise<T>
  live?: readonly LiveTopic[]
  /** Milliseconds, or by what was read last; not while the tab is hidden. */
  every?: number | ((last: T | undefined) => number | false)
  enabled?: () => boolean
}

/** At most so often is something read again because of what the live socket tells. */
const LIVE_PAUSE_MS = 1000

/** What the page shows of the API: read, kept, and read again when something happened. */
export function useRead<T>(options: ReadOptions<T>): Read<T> {
  const { every = false } = options
  const query = useQuery<T>({
    queryKey: computed(() => options.key()),
    queryFn: options.read,
    refetchInterval: typeof every === 'function' ? ({ state }) => every(state.data) : every,
    enabled: computed(() => options.enabled?.() ?? true),
  })
  const client = useQueryClient()
  const soon = afterPause(() => void client.invalidateQueries({ queryKey: options.key() }), LIVE_PAUSE_MS)
  for (const topic of options.live ?? []) useLive(topic, soon)

  return {
    data: query.data as Ref<T | undefined>,
    failure: computed(() => (query.error.value === null ? null : failureOf(query.error.value))),
    isLoading: computed(() => query.isPending.value && query.isFetching.value),
    isStale: computed(() => query.error.value !== null && query.data.value !== undefined),
    isFetching: query.isFetching,
    again: () => void query.refetch(),
  }
}

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        networkMode: 'always', // whether the API can be reached is not the browser's to guess
        retry: (failures, error) => failures < 2 && failureOf(error).isRetryable,
        retryDelay: (failures) => 500 * 2 ** failures,
      },
      mutations: { networkMode: 'always' },
    },
  })
}

/** At once, then no sooner than `pause` after the last time; the last call is never lost. */
function afterPause(work: () => void, pause: number): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null
  let isDue = false
  onScopeDispose(() => timer !== null && clearTimeout(timer))

  function run(): void {
    isDue = false
    work()
    timer = setTimeout(() => {
      timer = null
      if (isDue) run()
    }, pause)
  }
  return () => {
    isDue = true
    if (timer === null) run()
  }
}
