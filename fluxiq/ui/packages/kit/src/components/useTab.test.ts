import { flushPromises, mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { type WritableComputedRef, defineComponent, h } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import { useTab } from './useTab'

type Name = 'received' | 'mine'

async function open(url: string) {
  let tab!: WritableComputedRef<Name>
  const Page = defineComponent({
    setup: () => ((tab = useTab<Name>(['received', 'mine'], ['status', 'page'])), () => h('div')),
  })
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/reports', component: Page }] })
  await router.push(url)
  mount({ template: '<router-view />' }, { global: { plugins: [router] } })
  await flushPromises()

  async function choose(name: Name) {
    tab.value = name
    await flushPromises()
  }
  return { tab, choose, query: () => router.currentRoute.value.query }
}

describe('useTab', () => {
  it('is what the address says', async () => {
    const { tab } = await open('/reports?tab=mine')
    expect(tab.value).toBe('mine')
  })

  it.each(['/reports', '/reports?tab=none', '/reports?tab=mine&tab=received'])('is the first where %s names none', async (url) => {
    const { tab } = await open(url)
    expect(tab.value).toBe('received')
  })

  it('writes the choice into the address, the first one without a word', async () => {
    const { tab, choose, query } = await open('/reports')
    await choose('mine')
    expect([tab.value, query()]).toEqual(['mine', { tab: 'mine' }])
    await choose('received')
    expect([tab.value, query()]).toEqual(['received', {}])
  })

  it('leaves behind what is of one tab alone, and nothing else', async () => {
    const { choose, query } = await open('/reports?status=open&page=3&account=acc_1')
    await choose('mine')
    expect(query()).toEqual({ account: 'acc_1', tab: 'mine' })
  })
})
