import { useElementSize } from '@vueuse/core'
import { type ComputedRef, type Ref, computed } from 'vue'
import { MARK, type Place } from './layout'
import type { View } from './useZoom'

/** What is drawn beyond the edge, and how far one can pan until something else is drawn (units of the drawing). */
const BLOCK = 400

/**
 * The places that can be seen: a change of one node then costs the browser the layout of a screenful,
 * not of the whole tree. All of them while the size of the frame is not known.
 */
export function useInView(frame: Readonly<Ref<HTMLElement | null>>, view: Readonly<Ref<View>>, places: ComputedRef<readonly Place[]>) {
  const { width, height } = useElementSize(frame)

  // As text: what depends on it is computed again when a block was crossed, not with every pixel.
  const blocks = computed(() => {
    const { x, y, scale } = view.value
    if (width.value === 0) return null
    const edges = [-x, -y, width.value - x, height.value - y]
    return edges.map((edge, side) => (side < 2 ? Math.floor(edge / scale / BLOCK) - 1 : Math.ceil(edge / scale / BLOCK) + 1) * BLOCK).join()
  })
  return computed(() => {
    if (blocks.value === null) return places.value
    const [left, top, right, bottom] = blocks.value.split(',').map(Number) as [number, number, number, number]
    return places.value.filter(({ x, y }) => x + MARK.width >= left && x <= right && y >= top && y <= bottom)
  })
}
