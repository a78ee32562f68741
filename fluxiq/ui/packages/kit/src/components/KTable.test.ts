import { mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import KTable from './KTable.vue'
import { nextSort, type Sort } from './table'

const columns = [
  { key: 'name', title: 'Nome', sortable: true },
  { key: 'amount', title: 'Valor', align: 'right' as const },
]
const rows = [
  { id: 'a', name: 'Maria', amount: 100 },
  { id: 'b', name: 'João', amount: null },
]
type Row = (typeof rows)[number]

function open(props: { to?: (row: Row) => string | null; sort?: Sort | null; busy?: boolean } = {}, slots = {}) {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:any(.*)*', component: {} }] })
  vi.spyOn(router, 'push')
  const table = mount(KTable<Row>, { props: { columns, rows, rowKey: 'id', ...props }, slots, global: { plugins: [router] } })
  return Object.assign(table, { router })
}

describe('KTable', () => {
  it('writes a dash where a row has nothing', () => {
    const cells = open().findAll('[role=cell]').map((cell) => cell.get('div').text())
    expect(cells).toEqual(['Maria', '100', 'João', '—'])
  })

  it('lets the page draw a cell', () => {
    const table = open({}, { 'cell-amount': '<template #cell-amount="{ row, value }">{{ row.id }}={{ value }}</template>' })
    expect(table.text()).toContain('a=100')
  })

  it('makes of a row one link, and none where there is no way', () => {
    const table = open({ to: (row) => (row.id === 'a' ? `/people/${row.id}` : null) })
    expect(table.findAll('a').map((link) => link.attributes('href'))).toEqual(['/people/a'])
  })

  it('goes there from anywhere in the row, but not from a button in it', async () => {
    const slots = { 'cell-amount': '<template #cell-amount><em>100</em><button>copiar</button></template>' }
    const table = open({ to: (row) => `/people/${row.id}` }, slots)
    await table.get('tbody button').trigger('click')
    expect(table.router.push).not.toHaveBeenCalled()
    await table.get('tbody em').trigger('click')
    expect(table.router.push).toHaveBeenCalledWith('/people/a')
  })

  it('keeps its roles when it is laid out as cards', () => {
    const table = open()
    expect(table.get('table').attributes('role')).toBe('table')
    expect(table.findAll('[role=row]')).toHaveLength(3)
    expect(table.findAll('[role=columnheader]')).toHaveLength(2)
  })

  it('says by which column it is sorted, and asks for the next order', async () => {
    const table = open({ sort: { key: 'name', direction: 'asc' } })
    const [name, amount] = table.findAll('th')
    expect(name?.attributes('aria-sort')).toBe('ascending')
    expect(amount?.attributes('aria-sort')).toBeUndefined()
    await name?.get('button').trigger('click')
    expect(table.emitted('update:sort')).toEqual([[{ key: 'name', direction: 'desc' }]])
  })

  it('says that it is busy', () => {
    expect(open({ busy: true }).attributes('aria-busy')).toBe('true')
    expect(open().attributes('aria-busy')).toBeUndefined()
  })
})

describe('nextSort', () => {
  it('goes up, down, and back to how it came', () => {
    const up = nextSort(null, 'at')
    const down = nextSort(up, 'at')
    expect([up, down, nextSort(down, 'at')]).toEqual([
      { key: 'at', direction: 'asc' },
      { key: 'at', direction: 'desc' },
      null,
    ])
  })

  it('begins anew with another column', () => {
    expect(nextSort({ key: 'at', direction: 'desc' }, 'name')).toEqual({ key: 'name', direction: 'asc' })
  })
})
