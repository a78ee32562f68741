import { describe, expect, it } from 'vitest'
import { Recording } from './recording'
import { SOME_TREE, someNode } from './someNodes'
import type { SeenNode } from './treeStore'

const seen = (path: string, facts = {}, at = 0): SeenNode => ({ ...someNode(path, facts), seenAt: at })
const begun = (framesMax?: number) => {
  const recording = new Recording(framesMax)
  recording.add({ changed: SOME_TREE.map((node) => ({ ...node, seenAt: 0 })), removed: [] }, 0)
  return recording
}
const stateAt = (recording: Recording, moment: number, path: string) => recording.nodesAt(moment).find((node) => node.path === path)?.state

describe('a recording', () => {
  it('shows the tree as it was at any moment', () => {
    const recording = begun()
    recording.add({ changed: [seen('root/b', { state: 'backing_off' })], removed: [] }, 100)
    recording.add({ changed: [seen('root/b', { state: 'running', incarnation: 2 })], removed: ['root/a/y'] }, 200)

    expect(stateAt(recording, 0, 'root/b')).toBe('running')
    expect(stateAt(recording, 150, 'root/b')).toBe('backing_off')
    expect(stateAt(recording, 200, 'root/b')).toBe('running')
    expect(stateAt(recording, 199, 'root/a/y')).toBe('running')
    expect(stateAt(recording, 200, 'root/a/y')).toBeUndefined()
  })

  it('keeps parents before children when some come', () => {
    const recording = begun()
    recording.add({ changed: [seen('root/c'), seen('root/c/d')], removed: [] }, 100)
    const paths = recording.nodesAt(100).map((node) => node.path)
    expect(paths.slice(-2)).toEqual(['root/c', 'root/c/d'])
  })

  it('forgets the oldest frames, and begins with what they came to', () => {
    const recording = begun(2)
    for (const at of [100, 200, 300]) recording.add({ changed: [seen('root/b', { restarts: at })], removed: [] }, at)
    expect(recording.beginsAt).toBe(100)
    expect(recording.endsAt).toBe(300)
    expect(recording.nodesAt(100).find((node) => node.path === 'root/b')?.restarts).toBe(100)
  })

  it('does not record that nothing changed', () => {
    const recording = begun()
    recording.add({ changed: [], removed: [] }, 100)
    expect(recording.endsAt).toBe(0)
    expect(recording.nextAfter(0)).toBeNull()
  })
})

describe('happenings', () => {
  const happening = (...steps: object[]) => {
    const recording = begun()
    steps.forEach((facts, step) => recording.add({ changed: [seen('root/b', facts)], removed: [] }, step + 1))
    return recording.happenings.map(({ kind, reason }) => [kind, reason])
  }
  const fallen = { last_exit: 'crashed: Boom' }

  it('tell a fall, and the return after it', () => {
    expect(happening({ state: 'backing_off', ...fallen }, { state: 'running', incarnation: 2, restarts: 1, ...fallen })).toEqual([
      ['fell', 'crashed: Boom'],
      ['returned', 'crashed: Boom'],
    ])
  })

  it('tell a fall once where the return came in the same patch', () => {
    expect(happening({ state: 'running', incarnation: 2, restarts: 1, ...fallen })).toEqual([['fell', 'crashed: Boom']])
  })

  it('do not call it a fall when somebody asked', () => {
    expect(happening({ incarnation: 2, restarts: 1, last_exit: 'stopped: cancelled' })).toEqual([['returned', 'stopped: cancelled']])
  })

  it('tell quarantine, its release, suspension, and who came and went', () => {
    expect(happening({ state: 'quarantined', reason: 'spent' }, { state: 'quarantined', reason: 'spent' }, { state: 'running' })).toEqual([
      ['quarantined', 'spent'],
      ['returned', ''],
    ])
    expect(happening({ suspended: true }, { suspended: true, mailbox: 3 }, { suspended: false })).toEqual([
      ['suspended', ''],
      ['resumed', ''],
    ])
    const recording = begun()
    recording.add({ changed: [seen('root/c')], removed: [] }, 1)
    recording.add({ changed: [], removed: ['root/c'] }, 2)
    expect(recording.happenings.map(({ kind, path }) => [kind, path])).toEqual([['came', 'root/c'], ['went', 'root/c']])
  })

  it('say nothing of mail that comes', () => {
    expect(happening({ mailbox: 4 })).toEqual([])
  })
})
