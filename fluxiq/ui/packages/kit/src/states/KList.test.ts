import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { fakeApi, mountPage, refusal, settled, signOut } from '../testing'
import { answerOf, api } from '../api/client'
import type { components } from '../api/schema'
import KList from './KList.vue'
import { useListPage } from './useListPage'

type Refund = components['schemas']['Refund']
type Filters = { status: Refund['status'] | ''; start_date: string }

const NO_FILTERS: Filters = { status: '', start_date: '' }
const fields = [{ kind: 'select' as const, key: 'status', label: 'Situação', options: [{ value: 'failed', label: 'Falhou' }] }]

const Refunds = defineComponent(() => {
  const list = useListPage({
    key: () => ['refunds', 'page'],
    filters: NO_FILTERS,
    read: (query) => answerOf(api.GET('/api/v1/pix/refunds', { params: { query } })),
  })
  const shown = ({ rows }: { rows: Refund[] }) => rows.map(({ id }) => h('p', id))
  return () => h(KList<Refund, Filters>, { list, fields, icon: 'undo', none: 'Nenhuma devolução ainda' }, { default: shown })
})

const LIST = 'GET /api/v1/pix/refunds'

function answered(total: number, ids: string[]) {
  return { data: ids.map((id) => ({ id })), meta: { page: 1, per_page: 20, total, total_pages: Math.ceil(total / 20) } }
}

async function open(at: string, answer: Parameters<typeof fakeApi>[0]) {
  const { asked } = fakeApi(answer)
  const page = await mountPage(Refunds, { at, path: '/refunds' })
  return { page, queries: () => asked.map(({ query }) => query.toString()) }
}

describe('a list', () => {
  afterEach(() => {
    signOut()
    vi.unstubAllGlobals()
    document.body.innerHTML = ''
  })

  it('asks for what the address says, without filters that are empty', async () => {
    const { page, queries } = await open('/refunds?status=failed&page=2', { [LIST]: answered(21, ['ref_21']) })
    expect(queries()).toEqual(['page=2&per_page=20&status=failed'])
    expect(page.text()).toContain('ref_21')
  })

  it('begins at the first page when another filter is set', async () => {
    const { page, queries } = await open('/refunds?page=2', { [LIST]: answered(21, ['ref_21']) })
    await page.get('select').setValue('1')
    await settled()
    expect(queries()).toEqual(['page=2&per_page=20', 'page=1&per_page=20&status=failed'])
  })

  it('turns the page, and keeps its filters', async () => {
    const { page, queries } = await open('/refunds?status=failed', { [LIST]: answered(21, ['ref_1']) })
    await page.findAll('nav button').at(-1)?.trigger('click')
    await settled()
    expect(queries().at(-1)).toBe('page=2&per_page=20&status=failed')
  })

  it('tells nothing at all from nothing that fits the filters', async () => {
    const nothing = { [LIST]: answered(0, []) }
    const all = await open('/refunds', nothing)
    expect(all.page.text()).toContain('Nenhuma devolução ainda')
    const some = await open('/refunds?status=failed', nothing)
    expect(some.page.text()).toContain('Nenhum resultado com esses filtros')
    expect(some.page.text()).not.toContain('Nenhuma devolução ainda')
  })

  it('says that it could not be read, which is not that there is nothing', async () => {
    const { page } = await open('/refunds', { [LIST]: () => refusal(503, 'unavailable') })
    expect(page.get('[data-state]').attributes('data-state')).toBe('failed')
    expect(page.text()).not.toContain('Nenhuma devolução ainda')
  })
})
