import type { TreeNode } from '../records'

/** A running worker at this path, for tests. */
export function someNode(path: string, facts: Partial<TreeNode> = {}): TreeNode {
  return {
    path,
    id: path.split('/').at(-1)!,
    name: path,
    kind: 'worker',
    state: 'running',
    since: 10,
    due: null,
    reason: '',
    restart: 'permanent',
    restarts: 0,
    incarnation: 1,
    last_exit: '',
    strategy: '',
    max_restarts: null,
    max_seconds: null,
    suspended: false,
    mailbox: 0,
    handled: null,
    facts: {},
    ...facts,
  }
}

export const SOME_TREE = ['root', 'root/a', 'root/a/x', 'root/a/y', 'root/b'].map((path) => someNode(path))
