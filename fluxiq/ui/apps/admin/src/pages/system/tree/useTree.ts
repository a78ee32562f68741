import { type LiveMessage, api, dataOf, tellAgain, useLive, useRead } from '@fluxiq/kit'
import { shallowRef, watch } from 'vue'
import { Recording } from './recording'
import { type Change, type PatchTold, type TreeTold, TreeStore } from './treeStore'

const ASK_AGAIN_MS_MIN = 2000

/**
 * The tree as it lives: read once, then told by the live socket, and recorded while the page is there.
 * A patch that goes on from what was not told asks for the tree again.
 */
export function useTree() {
  const tree = new TreeStore()
  const recording = new Recording()
  /** Counts what was recorded. */
  const ticks = shallowRef(0)
  let askedAt = 0

  const read = useRead({ key: () => ['operations', 'tree'], read: () => dataOf(api.GET('/api/v1/operations/tree')) })
  watch(read.data, (told) => told && hearAll(told), { immediate: true })

  useLive('tree', (message: LiveMessage) => {
    if (message.type === 'tree') hearAll(message as unknown as TreeTold)
    if (message.type === 'tree_patch') hear(message as unknown as PatchTold)
  })

  function hearAll(told: TreeTold): void {
    const isOlder = tree.revision.value !== null && told.revision < tree.revision.value
    // Revisions of a platform that was started again begin anew: the socket then tells the tree first.
    if (isOlder && !('type' in told)) return
    record(tree.hearAll(told, Date.now()))
  }

  function hear(told: PatchTold): void {
    const change = tree.hear(told, Date.now())
    if (change !== null) return record(change)
    if (Date.now() - askedAt < ASK_AGAIN_MS_MIN) return
    askedAt = Date.now()
    tellAgain()
  }

  function record(change: Change): void {
    recording.add(change, Date.now())
    ticks.value += 1
  }

  return { tree, recording, ticks, read }
}
