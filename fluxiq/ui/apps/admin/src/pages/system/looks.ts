import type { IconName, Tone } from '@fluxiq/kit'
import type { TreeNode } from './records'
import type { HappeningKind } from './tree/happenings'

/** What is shown of it: who is suspended runs, and does nothing. */
export function statusOf(node: Pick<TreeNode, 'state' | 'suspended'>): string {
  return node.suspended && node.state === 'running' ? 'suspended' : node.state
}

/** The worse the higher; 0 is nothing to look at. */
const TROUBLE: Record<string, number> = { quarantined: 4, backing_off: 3, suspended: 2, done: 1, stopping: 1, starting: 1 }

export function troubleOf(node: Pick<TreeNode, 'state' | 'suspended'>): number {
  return TROUBLE[statusOf(node)] ?? 0
}

export const HAPPENINGS: Record<HappeningKind, { icon: IconName; tone: Tone }> = {
  fell: { icon: 'zap', tone: 'bad' },
  quarantined: { icon: 'shield-alert', tone: 'bad' },
  suspended: { icon: 'pause', tone: 'warn' },
  resumed: { icon: 'play', tone: 'good' },
  returned: { icon: 'check-circle', tone: 'good' },
  came: { icon: 'plus', tone: 'info' },
  went: { icon: 'minus', tone: 'muted' },
}
