import { flushPromises } from '@vue/test-utils'
import { fakeApi, mountPage, refusal, settled } from '@fluxiq/kit/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import Tree from './Tree.vue'
import { SOME_TREE, someNode } from './someNodes'

const told = vi.hoisted(() => ({ handler: null as ((message: unknown) => void) | null, again: 0 }))
vi.mock('@fluxiq/kit', async (original) => ({
  ...(await original<typeof import('@fluxiq/kit')>()),
  useLive: (_topic: string, handler: (message: unknown) => void) => (told.handler = handler),
  tellAgain: () => (told.again += 1),
}))

const ANSWER = { 'GET /api/v1/operations/tree': { data: { revision: 7, nodes: SOME_TREE, closed_phases: [] } } }
const OPERATOR = { merchant_id: null, permissions: ['operations:read', 'operations:write'] }

const opened = (query = '?view=list') => mountPage(Tree, { path: '/tree', at: `/tree${query}`, claims: OPERATOR })
const say = async (message: object) => {
  told.handler!(message)
  await flushPromises()
}

afterEach(() => {
  document.body.innerHTML = ''
  told.again = 0
})

describe('the page of the tree', () => {
  it('shows a process that falls, and says so', async () => {
    fakeApi(ANSWER)
    const page = await opened()
    expect(page.find('[data-path="root/b"]').attributes('data-state')).toBe('running')

    const changed = [someNode('root/b', { state: 'backing_off', last_exit: 'crashed: Boom' })]
    await say({ type: 'tree_patch', topic: 'tree', before_revision: 7, revision: 8, changed, removed: [], closed_phases: [] })
    expect(page.find('[data-path="root/b"]').attributes('data-state')).toBe('backing_off')
    expect(page.text()).toContain('1 fora do normal')
    expect(page.text()).toContain('crashed: Boom')
  })

  it('asks for the tree again, once, when a patch is missing', async () => {
    fakeApi(ANSWER)
    const page = await opened()
    for (const revision of [20, 21]) {
      await say({ type: 'tree_patch', topic: 'tree', before_revision: revision - 1, revision, changed: [], removed: [], closed_phases: [] })
    }
    expect(told.again).toBe(1)

    await say({ type: 'tree', topic: 'tree', revision: 21, nodes: [...SOME_TREE, someNode('root/c')], closed_phases: [] })
    expect(page.find('[data-path="root/c"]').exists()).toBe(true)
  })

  it('begins anew with a platform that was started again', async () => {
    fakeApi(ANSWER)
    const page = await opened()
    await say({ type: 'tree', topic: 'tree', revision: 1, nodes: [someNode('root')], closed_phases: [] })
    expect(page.findAll('[role=row][data-path]')).toHaveLength(1)
  })

  it('draws the same, with a name and a state at each node', async () => {
    fakeApi(ANSWER)
    const page = await opened('?view=drawing')
    const marks = page.findAll('svg [data-path] [role=button]').map((mark) => mark.attributes('aria-label'))
    expect(marks).toContain('b No ar, 0 reinícios, 0 mensagens na caixa')
  })

  it('shows what was, and live again', async () => {
    fakeApi(ANSWER)
    const page = await opened()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await say({ type: 'tree_patch', topic: 'tree', before_revision: 7, revision: 8, changed: [], removed: ['root/b'], closed_phases: [] })
    expect(page.find('[data-path="root/b"]').exists()).toBe(false)

    const range = page.find<HTMLInputElement>('input[type=range]')
    await range.setValue(range.attributes('min'))
    expect(page.find('[data-path="root/b"]').exists()).toBe(true)

    await page.findAll('button').find((button) => button.text() === 'Voltar ao vivo')!.trigger('click')
    expect(page.find('[data-path="root/b"]').exists()).toBe(false)
  })

  it('says that it is not for everybody', async () => {
    fakeApi({ 'GET /api/v1/operations/tree': () => refusal(403, 'not_an_operator') })
    const page = await opened()
    await settled()
    expect(page.find('[data-state=forbidden]').exists()).toBe(true)
  })
})
