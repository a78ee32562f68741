import { type ShallowRef, shallowRef } from 'vue'
import type { TreeNode } from '../records'

/** A node, and when it was told (milliseconds): its `since` and `due` count from there. */
export interface SeenNode extends TreeNode {
  seenAt: number
}

export interface TreeTold {
  revision: number
  nodes: readonly TreeNode[]
  closed_phases: readonly string[]
}

export interface PatchTold {
  before_revision: number
  revision: number
  changed: readonly TreeNode[]
  removed: readonly string[]
  closed_phases: readonly string[]
}

/** What became of the nodes: those that are new or different, and the paths that are gone. */
export interface Change {
  changed: SeenNode[]
  removed: string[]
}

/**
 * The tree as it was last told. Each node is a ref of its own: who shows one is drawn again when that
 * one changed, and only paths that come or go change `shape`.
 */
export class TreeStore {
  readonly revision = shallowRef<number | null>(null)
  readonly closedPhases = shallowRef<readonly string[]>([])
  /** Counts the shapes that the tree has had. */
  readonly shape = shallowRef(0)

  // Never deleted from: a path that comes back is the same ref to who looks at it.
  private readonly refs = new Map<string, ShallowRef<SeenNode | null>>()
  private readonly children = new Map<string, string[]>()
  private tops: string[] = []
  private size = 0

  node(path: string): SeenNode | null {
    return this.refOf(path).value
  }

  childrenOf(path: string): readonly string[] {
    void this.shape.value
    return this.children.get(path) ?? []
  }

  /** Nodes whose parent is not told: the root, or where one's own branch begins. */
  roots(): readonly string[] {
    void this.shape.value
    return this.tops
  }

  count(): number {
    void this.shape.value
    return this.size
  }

  /** Parents before children, siblings in start order. */
  paths(): string[] {
    const found: string[] = []
    const walk = (path: string) => {
      found.push(path)
      this.childrenOf(path).forEach(walk)
    }
    this.roots().forEach(walk)
    return found
  }

  nodes(): SeenNode[] {
    return this.paths().map((path) => this.node(path)!)
  }

  /** The whole tree, whatever was known before. */
  hearAll(told: TreeTold, at: number): Change {
    const paths = new Set(told.nodes.map((node) => node.path))
    const removed = this.revision.value === null ? [] : this.paths().filter((path) => !paths.has(path))
    const changed = told.nodes.filter((node) => !isSame(this.refOf(node.path).value, node)).map((node) => seen(node, at))

    for (const path of removed) this.refOf(path).value = null
    for (const node of changed) this.refOf(node.path).value = node
    this.arrange(told.nodes)
    this.revision.value = told.revision
    this.closedPhases.value = told.closed_phases
    return { changed, removed }
  }

  /** Null when something before it is missing: the tree has to be told again. */
  hear(told: PatchTold, at: number): Change | null {
    if (this.revision.value === null || told.before_revision > this.revision.value) return null
    // What was told already, as by a tree that overtook it.
    if (told.revision <= this.revision.value) return { changed: [], removed: [] }

    const removed = told.removed.flatMap((path) => this.remove(path))
    const changed = told.changed.map((node) => seen(node, at))
    const isNew = changed.map((node) => this.add(node)).some(Boolean)
    if (isNew || removed.length > 0) this.shape.value += 1
    this.revision.value = told.revision
    this.closedPhases.value = told.closed_phases
    return { changed, removed }
  }

  private arrange(nodes: readonly TreeNode[]): void {
    this.children.clear()
    this.tops = []
    this.size = nodes.length
    const known = new Set(nodes.map((node) => node.path))
    for (const { path } of nodes) this.placeOf(path, known.has(parentOf(path))).push(path)
    this.shape.value += 1
  }

  /** Returns whether it is new: then it stands behind its siblings. */
  private add(node: SeenNode): boolean {
    const ref = this.refOf(node.path)
    const isNew = ref.value === null
    ref.value = node
    if (!isNew) return false
    this.placeOf(node.path, this.refOf(parentOf(node.path)).value !== null).push(node.path)
    this.size += 1
    return true
  }

  /** With whatever is below it; returns the paths. */
  private remove(path: string): string[] {
    if (this.refOf(path).value === null) return []
    const below = [...(this.children.get(path) ?? [])].flatMap((child) => this.remove(child))
    this.refOf(path).value = null
    this.children.delete(path)
    this.tops = this.tops.filter((top) => top !== path)
    const siblings = this.children.get(parentOf(path))
    if (siblings !== undefined) this.children.set(parentOf(path), siblings.filter((one) => one !== path))
    this.size -= 1
    return [path, ...below]
  }

  private placeOf(path: string, hasParent: boolean): string[] {
    if (!hasParent) return this.tops
    const siblings = this.children.get(parentOf(path)) ?? []
    this.children.set(parentOf(path), siblings)
    return siblings
  }

  private refOf(path: string): ShallowRef<SeenNode | null> {
    const ref = this.refs.get(path) ?? shallowRef<SeenNode | null>(null)
    this.refs.set(path, ref)
    return ref
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** Seconds in its state, at this moment. */
export function secondsIn(node: SeenNode, now: number): number {
  return node.since + Math.max(0, now - node.seenAt) / 1000
}

function seen(node: TreeNode, at: number): SeenNode {
  return { ...node, seenAt: 'seenAt' in node ? (node as SeenNode).seenAt : at }
}

/** Seconds pass without anything happening. */
function isSame(before: SeenNode | null, after: TreeNode): boolean {
  return before !== null && said(before) === said(after)
}

function said(node: TreeNode): string {
  return JSON.stringify({ ...node, since: 0, due: node.due === null ? null : 0, seenAt: 0 })
}
