import { type ComputedRef, computed, shallowRef } from 'vue'
import { ancestorsOf } from './layout'
import type { TreeStore } from './treeStore'

const OPEN_LEVELS = 2

/** Which branches show what is below them: the first levels, whatever somebody said, and the way to what is sought. */
export function useOpen(tree: ComputedRef<TreeStore>, sought: ComputedRef<ReadonlySet<string> | null>) {
  const said = shallowRef<ReadonlyMap<string, boolean>>(new Map())
  const levels = shallowRef(OPEN_LEVELS)

  const onTheWay = computed(() => new Set([...(sought.value ?? [])].flatMap(ancestorsOf)))

  function isOpen(path: string): boolean {
    if (onTheWay.value.has(path)) return true
    return said.value.get(path) ?? levelOf(path) < levels.value
  }

  function levelOf(path: string): number {
    const root = tree.value.roots().find((one) => path === one || path.startsWith(`${one}/`)) ?? ''
    return path.split('/').length - root.split('/').length
  }

  function toggle(path: string): void {
    said.value = new Map(said.value).set(path, !isOpen(path))
  }

  /** Shows the way to it. */
  function reveal(path: string): void {
    said.value = new Map([...said.value, ...ancestorsOf(path).map((one) => [one, true] as const)])
  }

  function openAll(): void {
    said.value = new Map()
    levels.value = Infinity
  }

  function closeAll(): void {
    said.value = new Map()
    levels.value = 1
  }

  return { isOpen, toggle, reveal, openAll, closeAll }
}
