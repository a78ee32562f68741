import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import KFilters from './KFilters.vue'
import { useFilters } from './useFilters'

type Values = { q: string; status: string }
const DEFAULTS: Values = { q: '', status: '' }

async function open(url: string, defaults = DEFAULTS) {
  let state!: ReturnType<typeof useFilters<Values>>
  const List = defineComponent({
    setup: () => ((state = useFilters(defaults)), () => h('div')),
  })
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/list', component: List }] })
  await router.push(url)
  mount({ template: '<router-view />' }, { global: { plugins: [router] } })
  await flushPromises()
  return { state, query: () => router.currentRoute.value.query, router }
}

describe('useFilters', () => {
  it('reads what the URL says, and the defaults of the rest', async () => {
    const { state } = await open('/list?status=paid&page=3')
    expect(state.values.value).toEqual({ q: '', status: 'paid' })
    expect(state.page.value).toBe(3)
    expect(state.isFiltered.value).toBe(true)
  })

  it('begins at the first page of another list, and keeps what is not its own', async () => {
    const { state, query } = await open('/list?page=3&tab=open')
    state.values.value = { q: 'maria', status: '' }
    await flushPromises()
    expect(query()).toEqual({ q: 'maria', tab: 'open' })
    expect(state.page.value).toBe(1)
  })

  it('leaves out of the URL what is at its default', async () => {
    const { state, query } = await open('/list?status=paid', { q: '', status: 'pending' })
    state.values.value = { q: '', status: 'pending' }
    await flushPromises()
    expect(query()).toEqual({})
    expect(state.isFiltered.value).toBe(false)
  })

  it('can ask for all where the default is one', async () => {
    const { state, query } = await open('/list', { q: '', status: 'pending' })
    state.values.value = { q: '', status: '' }
    await flushPromises()
    expect(query()).toEqual({ status: '' })
    expect(state.values.value.status).toBe('')
  })

  it('goes back to the page before', async () => {
    const { state, router } = await open('/list')
    state.page.value = 2
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/list?page=2')
    router.back()
    await flushPromises()
    expect(state.page.value).toBe(1)
  })

  it.each(['0', '-1', '1.5', 'x', '1e99'])('takes page=%s for the first', async (page) => {
    const { state } = await open(`/list?page=${page}`)
    expect(state.page.value).toBe(1)
  })
})

describe('KFilters', () => {
  afterEach(() => vi.useRealTimers())

  const fields = [
    { kind: 'search' as const, key: 'q', label: 'Procurar' },
    { kind: 'select' as const, key: 'status', label: 'Situação', options: [{ value: 'paid', label: 'Paga' }] },
  ]
  function bar() {
    const filters = mount(KFilters<Values>, {
      props: { fields, modelValue: { ...DEFAULTS }, 'onUpdate:modelValue': (values: Values) => filters.setProps({ modelValue: values }) },
    })
    return filters
  }

  it('searches when the typing pauses, not with each letter', async () => {
    vi.useFakeTimers()
    const filters = bar()
    await filters.get('input').setValue('m')
    await filters.get('input').setValue('ma')
    expect(filters.emitted('update:modelValue')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(300)
    expect(filters.emitted('update:modelValue')).toEqual([[{ q: 'ma', status: '' }]])
  })

  it('takes along what is being typed when another filter is set', async () => {
    vi.useFakeTimers()
    const filters = bar()
    await filters.get('input').setValue('ma')
    await filters.get('select').setValue('1')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(filters.emitted('update:modelValue')).toEqual([[{ q: 'ma', status: 'paid' }]])
  })

  it('offers to clear only what is set', async () => {
    const filters = bar()
    expect(filters.find('button').exists()).toBe(false)
    await filters.get('select').setValue('1')
    await filters.get('button').trigger('click')
    expect(filters.props('modelValue')).toEqual(DEFAULTS)
  })
})
