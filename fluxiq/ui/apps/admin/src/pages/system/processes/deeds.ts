import { statusOf } from '../looks'
import type { TreeNode } from '../records'

export type DeedName = 'restart' | 'stop' | 'suspend' | 'resume' | 'release'

const DEEDS: Record<string, readonly DeedName[]> = {
  quarantined: ['release'],
  suspended: ['resume', 'restart', 'stop'],
  done: ['restart'],
  stopping: [],
}

/** What makes sense in its state, the likeliest first. Only what takes mail or turns can be suspended. */
export function deedsFor(node: Pick<TreeNode, 'state' | 'suspended' | 'kind'>): DeedName[] {
  const deeds = DEEDS[statusOf(node)] ?? ['restart', 'suspend', 'stop']
  return deeds.filter((deed) => deed !== 'suspend' || node.kind !== 'supervisor')
}
