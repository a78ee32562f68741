import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import { fakeApi, mountPage, refusal, settled, signOut } from '../testing'
import { dataOf, api } from './client'
import { type Read, useRead } from './queries'

interface Account {
  id: string
}

let read: Read<Account>
const id = ref('acc_1')
const isEnabled = ref(true)

const Page = defineComponent({
  setup() {
    read = useRead({
      key: () => ['account', id.value],
      read: () => dataOf(api.GET('/api/v1/accounts/{account_id}', { params: { path: { account_id: id.value } } })),
      enabled: () => isEnabled.value,
    })
    return () => h('p', read.data.value?.id)
  },
})

afterEach(() => {
  id.value = 'acc_1'
  isEnabled.value = true
  vi.spyOn(window.location, 'assign').mockImplementation(() => {})
  signOut()
})

describe('what a page reads', () => {
  it('is there, and read anew for another key', async () => {
    const server = fakeApi({ 'GET /api/v1/accounts/*': ({ path }) => ({ data: { id: path.split('/').at(-1) } }) })
    const page = await mountPage(Page)
    expect(page.text()).toBe('acc_1')
    id.value = 'acc_2'
    await settled()
    expect(page.text()).toBe('acc_2')
    expect(server.asked.map(({ path }) => path)).toEqual(['/api/v1/accounts/acc_1', '/api/v1/accounts/acc_2'])
    expect(server.asked[0]!.headers.get('Authorization')).toMatch(/^Bearer /)
    page.unmount()
  })

  it('that fails says why, and may be tried again', async () => {
    const server = fakeApi({ 'GET /api/v1/accounts/*': () => refusal(404, 'account_not_found') })
    const page = await mountPage(Page)
    expect(read.failure.value).toMatchObject({ code: 'account_not_found', requestId: 'req_test' })
    expect(read.isLoading.value).toBe(false)
    expect(read.isStale.value).toBe(false)

    server.answer('GET /api/v1/accounts/*', { data: { id: 'acc_1' } })
    read.again()
    await settled()
    expect(read.failure.value).toBeNull()
    expect(page.text()).toBe('acc_1')
    page.unmount()
  })

  it('stays to be seen when what came after it did not arrive, and is called stale', async () => {
    const server = fakeApi({ 'GET /api/v1/accounts/*': { data: { id: 'acc_1' } } })
    const page = await mountPage(Page)
    server.answer('GET /api/v1/accounts/*', () => refusal(503, 'unavailable'))
    read.again()
    await settled()
    expect(page.text()).toBe('acc_1')
    expect(read.isStale.value).toBe(true)
    page.unmount()
  })

  it('is not asked for while nothing is known to ask for', async () => {
    isEnabled.value = false
    const server = fakeApi({ 'GET /api/v1/accounts/*': { data: { id: 'acc_1' } } })
    const page = await mountPage(Page)
    expect(server.asked).toEqual([])
    expect(read.isLoading.value).toBe(false)
    isEnabled.value = true
    await settled()
    expect(page.text()).toBe('acc_1')
    page.unmount()
  })
})
