import { mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { computed, ref } from 'vue'
import { ApiFailure } from '../api/failure'
import type { Read } from '../api/queries'
import KState from './KState.vue'

type List = { rows: string[] }

function readOf(facts: { data?: List; failure?: ApiFailure; isFetching?: boolean }): Read<List> {
  const { data, failure } = facts
  return {
    data: ref(data),
    failure: computed(() => failure ?? null),
    isLoading: computed(() => !data && !failure),
    isStale: computed(() => Boolean(data && failure)),
    isFetching: ref(facts.isFetching ?? false),
    again: vi.fn(),
  }
}

const failed = (status: number | null, code = 'a_code_of_no_text') =>
  new ApiFailure({ status, code, message: 'O banco não respondeu.', requestId: 'req_77' })

function show(read: Read<List>, props: { empty?: boolean } = {}) {
  return mount(KState<List>, {
    props: { read, ...props },
    slots: { default: '<template #default="{ data }"><b>{{ data.rows.join() }}</b></template>', empty: '<i>nada</i>' },
  })
}

describe('KState', () => {
  it('says that it is loading, once, and shows no data', () => {
    const state = show(readOf({}))
    expect(state.attributes('aria-busy')).toBe('true')
    expect(state.findAll('[role=status]')).toHaveLength(1)
    expect(state.find('b').exists()).toBe(false)
  })

  it('hands the data to the page', () => {
    expect(show(readOf({ data: { rows: ['x', 'y'] } })).get('b').text()).toBe('x,y')
  })

  it('shows what the page has for an empty list', () => {
    const state = show(readOf({ data: { rows: [] } }), { empty: true })
    expect(state.get('i').text()).toBe('nada')
    expect(state.find('b').exists()).toBe(false)
  })

  it('shows a failure with its number, and reads again when asked', async () => {
    const read = readOf({ failure: failed(503) })
    const state = show(read)
    expect(state.get('[role=alert]').text()).toContain('req_77')
    await state.findAll('button').at(-1)?.trigger('click')
    expect(read.again).toHaveBeenCalledOnce()
  })

  it('keeps what it had and says that it is old, when a refresh fails', async () => {
    const read = readOf({ data: { rows: ['x'] }, failure: failed(503) })
    const state = show(read)
    expect(state.get('b').text()).toBe('x')
    expect(state.find('[role=alert]').exists()).toBe(false)
    await state.get('[role=status] button').trigger('click')
    expect(read.again).toHaveBeenCalledOnce()
  })

  it('hides what was read with a permission that is gone', () => {
    const state = show(readOf({ data: { rows: ['secret'] }, failure: failed(403) }))
    expect(state.attributes('data-state')).toBe('forbidden')
    expect(state.text()).not.toContain('secret')
  })

  it('tells what is not there from what failed', () => {
    expect(show(readOf({ failure: failed(404) })).attributes('data-state')).toBe('missing')
    expect(show(readOf({ failure: failed(null, 'unreachable') })).attributes('data-state')).toBe('failed')
  })
})
