import { describe, expect, it } from 'vitest'
import { COLUMN, ROW, ancestorsOf, drawingOf, openPaths } from './layout'
import { SOME_TREE, someNode } from './someNodes'
import { TreeStore } from './treeStore'

function told(nodes = SOME_TREE): TreeStore {
  const tree = new TreeStore()
  tree.hearAll({ revision: 1, nodes, closed_phases: [] }, 0)
  return tree
}
const all = () => true

describe('the drawing', () => {
  it('has a column for each level, from the left edge', () => {
    const { places, links } = drawingOf(told(), all)
    expect(Object.fromEntries(places.map((place) => [place.path, place.x]))).toEqual({
      root: 0,
      'root/a': COLUMN,
      'root/b': COLUMN,
      'root/a/x': 2 * COLUMN,
      'root/a/y': 2 * COLUMN,
    })
    expect(links).toHaveLength(4)
  })

  it('lays nothing over anything, and all of it within its size', () => {
    const { places, width, height } = drawingOf(told(), all)
    for (const [index, one] of places.entries()) {
      for (const other of places.slice(index + 1)) {
        expect(one.x === other.x ? Math.abs(one.y - other.y) >= ROW : true).toBe(true)
      }
      expect(one.y).toBeGreaterThanOrEqual(ROW / 2)
      expect(one.y).toBeLessThanOrEqual(height - ROW / 2)
      expect(one.x).toBeLessThan(width)
    }
  })

  it('hides what is below a closed branch, and says how much that is', () => {
    const { places } = drawingOf(told(), (path) => path !== 'root/a')
    expect(places.map((place) => place.path)).toEqual(['root', 'root/a', 'root/b'])
    expect(places.find((place) => place.path === 'root/a')).toMatchObject({ children: 2, below: 2, isOpen: false })
  })

  it('of a branch that begins below the root is as wide as that branch', () => {
    const { places, links } = drawingOf(told([someNode('root/i/1'), someNode('root/i/1/desk')]), all)
    expect(places.map((place) => place.x)).toEqual([0, COLUMN])
    expect(links).toHaveLength(1)
  })

  it('of five hundred nodes takes a fraction of a frame', () => {
    const nodes = [someNode('root'), ...Array.from({ length: 20 }, (_, one) => [
      someNode(`root/s${one}`),
      ...Array.from({ length: 24 }, (_, two) => someNode(`root/s${one}/w${two}`)),
    ]).flat()]
    const tree = told(nodes)
    drawingOf(tree, all)
    const before = performance.now()
    const { places } = drawingOf(tree, all)
    expect(places).toHaveLength(501)
    // Some 2 ms alone; ten times as much where others have the machine.
    expect(performance.now() - before).toBeLessThan(50)
  })

  it('of nothing is nothing', () => {
    expect(drawingOf(new TreeStore(), all)).toEqual({ places: [], links: [], width: expect.any(Number), height: expect.any(Number) })
  })
})

describe('the list', () => {
  it('has the rows of open branches, with their level and place', () => {
    expect(openPaths(told(), (path) => path === 'root')).toEqual([
      { path: 'root', level: 1, place: 1, of: 1 },
      { path: 'root/a', level: 2, place: 1, of: 2 },
      { path: 'root/b', level: 2, place: 2, of: 2 },
    ])
  })

  it('knows the way up from a node', () => {
    expect(ancestorsOf('root/a/x')).toEqual(['root/a', 'root'])
    expect(ancestorsOf('root')).toEqual([])
  })
})
