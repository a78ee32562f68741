import { computed, watchEffect } from 'vue'
import { describe, expect, it } from 'vitest'
import { SOME_TREE, someNode } from './someNodes'
import { TreeStore, secondsIn } from './treeStore'

const AT = 1_000_000

function told(): TreeStore {
  const tree = new TreeStore()
  tree.hearAll({ revision: 7, nodes: SOME_TREE, closed_phases: [] }, AT)
  return tree
}

function patch(before_revision: number, revision: number, changed = [] as ReturnType<typeof someNode>[], removed: string[] = []) {
  return { before_revision, revision, changed, removed, closed_phases: [] }
}

describe('the whole tree', () => {
  it('is parents before children, siblings as they were told', () => {
    expect(told().paths()).toEqual(['root', 'root/a', 'root/a/x', 'root/a/y', 'root/b'])
  })

  it('begins where its own branch begins, for who is told no more', () => {
    const tree = new TreeStore()
    tree.hearAll({ revision: 1, nodes: [someNode('root/institutions/1'), someNode('root/institutions/1/desk')], closed_phases: [] }, AT)
    expect(tree.roots()).toEqual(['root/institutions/1'])
    expect(tree.childrenOf('root/institutions/1')).toEqual(['root/institutions/1/desk'])
  })

  it('told again changes what is different, and only that', () => {
    const tree = told()
    const nodes = SOME_TREE.filter(({ path }) => path !== 'root/b').map((node) => (node.id === 'x' ? { ...node, restarts: 1 } : { ...node, since: 99 }))
    const change = tree.hearAll({ revision: 2, nodes, closed_phases: ['intake'] }, AT)

    expect(change.changed.map((node) => node.path)).toEqual(['root/a/x'])
    expect(change.removed).toEqual(['root/b'])
    expect(tree.closedPhases.value).toEqual(['intake'])
  })
})

describe('a patch', () => {
  it('replaces nodes, and puts new ones behind their siblings', () => {
    const tree = told()
    tree.hear(patch(7, 8, [someNode('root/a/z'), someNode('root/a/x', { state: 'backing_off' })]), AT)
    expect(tree.childrenOf('root/a')).toEqual(['root/a/x', 'root/a/y', 'root/a/z'])
    expect(tree.node('root/a/x')?.state).toBe('backing_off')
    expect(tree.revision.value).toBe(8)
  })

  it('takes away what is below a path that is gone', () => {
    const tree = told()
    const change = tree.hear(patch(7, 8, [], ['root/a']), AT)
    expect(change?.removed).toEqual(['root/a', 'root/a/x', 'root/a/y'])
    expect(tree.paths()).toEqual(['root', 'root/b'])
    expect(tree.count()).toBe(2)
  })

  it('that goes on from what was not told is refused, and changes nothing', () => {
    const tree = told()
    expect(tree.hear(patch(9, 10, [someNode('root/b', { restarts: 5 })]), AT)).toBeNull()
    expect(tree.node('root/b')?.restarts).toBe(0)
    expect(tree.revision.value).toBe(7)
  })

  it('that a whole tree overtook is left out', () => {
    const tree = told()
    expect(tree.hear(patch(5, 7, [someNode('root/b', { restarts: 5 })]), AT)).toEqual({ changed: [], removed: [] })
    expect(tree.node('root/b')?.restarts).toBe(0)
  })

  it('that overlaps what was told is taken', () => {
    const tree = told()
    expect(tree.hear(patch(5, 9, [someNode('root/b', { restarts: 5 })]), AT)).not.toBeNull()
    expect(tree.node('root/b')?.restarts).toBe(5)
  })

  it('before any tree asks for one', () => {
    expect(new TreeStore().hear(patch(0, 1), AT)).toBeNull()
  })
})

describe('who looks', () => {
  it('at one node is told of that one alone', () => {
    const tree = told()
    let looks = 0
    watchEffect(() => {
      tree.node('root/a/x')
      looks += 1
    }, { flush: 'sync' })
    tree.hear(patch(7, 8, [someNode('root/b', { restarts: 1 }), someNode('root/c')]), AT)
    expect(looks).toBe(1)
    tree.hear(patch(8, 9, [someNode('root/a/x', { restarts: 1 })]), AT)
    expect(looks).toBe(2)
  })

  it('still sees a path that went and came back', () => {
    const tree = told()
    const seen = computed(() => tree.node('root/b')?.incarnation ?? null)
    expect(seen.value).toBe(1)
    tree.hear(patch(7, 8, [], ['root/b']), AT)
    expect(seen.value).toBeNull()
    tree.hear(patch(8, 9, [someNode('root/b', { incarnation: 2 })]), AT)
    expect(seen.value).toBe(2)
  })

  it('sees the seconds in a state go on', () => {
    expect(secondsIn(told().node('root/b')!, AT + 5000)).toBe(15)
  })
})
