import type { SeenNode } from './treeStore'

export type HappeningKind = 'fell' | 'returned' | 'quarantined' | 'suspended' | 'resumed' | 'came' | 'went'

/** Something that happened to a process while somebody looked. `reason` is the platform's own words. */
export interface Happening {
  at: number
  path: string
  kind: HappeningKind
  reason: string
}

const FALLS = /^(crashed|start_failed|exited)\b/

/** What a patch says has happened, of each node as it was before and is now. */
export function happeningOf(before: SeenNode | null, after: SeenNode | null, path: string, at: number): Happening | null {
  const kind = kindOf(before, after)
  return kind === null ? null : { at, path, kind, reason: after === null ? '' : reasonOf(kind, after) }
}

function kindOf(before: SeenNode | null, after: SeenNode | null): HappeningKind | null {
  if (after === null) return before === null ? null : 'went'
  if (before === null) return 'came'
  if (after.state === 'quarantined') return before.state === 'quarantined' ? null : 'quarantined'
  if (hasEnded(before, after) && FALLS.test(after.last_exit ?? '')) return 'fell'
  if (after.state === 'running' && isReturn(before, after)) return 'returned'
  if (after.suspended !== before.suspended) return after.suspended ? 'suspended' : 'resumed'
  return null
}

/** A fall and the start after it may come in one patch: then it is the fall that is told. */
function hasEnded(before: SeenNode, after: SeenNode): boolean {
  if (before.state === 'backing_off') return false
  return after.state === 'backing_off' || after.incarnation > before.incarnation
}

function isReturn(before: SeenNode, after: SeenNode): boolean {
  return after.incarnation > before.incarnation || before.state === 'backing_off' || before.state === 'quarantined'
}

function reasonOf(kind: HappeningKind, node: SeenNode): string {
  if (kind === 'quarantined') return node.reason || (node.last_exit ?? '')
  return kind === 'fell' || kind === 'returned' ? (node.last_exit ?? '') : ''
}
