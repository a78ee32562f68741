import { computed, effectScope, nextTick, shallowRef } from 'vue'
import { describe, expect, it, vi } from 'vitest'
import { useInView } from './useInView'
import type { View } from './useZoom'

const size = vi.hoisted(() => ({ width: { value: 0 }, height: { value: 0 } }))
vi.mock('@vueuse/core', () => ({ useElementSize: () => size }))

const PLACES = Array.from({ length: 100 }, (_, row) => ({ path: `root/${row}`, x: 0, y: row * 100, children: 0, below: 0, isOpen: true }))

function seenAt(view: View, width: number, height: number) {
  size.width.value = width
  size.height.value = height
  return effectScope().run(() => useInView(shallowRef(null), shallowRef(view), computed(() => PLACES)))!.value.map((place) => place.y)
}

describe('what can be seen of the drawing', () => {
  it('is everything while the frame has no size', () => {
    expect(seenAt({ x: 0, y: 0, scale: 1 }, 0, 0)).toHaveLength(100)
  })

  it('is what is in the frame, and some beyond its edges', () => {
    const seen = seenAt({ x: 0, y: -4000, scale: 1 }, 800, 600)
    expect([seen[0], seen.at(-1)]).toEqual([3600, 5200])
  })

  it('is more of it from further away, and all of it in the end', () => {
    expect(seenAt({ x: 0, y: 0, scale: 0.5 }, 800, 600).at(-1)).toBe(1600)
    expect(seenAt({ x: 0, y: 0, scale: 0.05 }, 800, 600)).toHaveLength(100)
  })

  it('stays the same list while one pans by less than a block', async () => {
    size.width.value = size.height.value = 600
    const view = shallowRef<View>({ x: 0, y: -410, scale: 1 })
    const seen = effectScope().run(() => useInView(shallowRef(null), view, computed(() => PLACES)))!
    const before = seen.value
    view.value = { x: 0, y: -430, scale: 1 }
    await nextTick()
    expect(seen.value).toBe(before)
    view.value = { x: 0, y: -900, scale: 1 }
    expect(seen.value).not.toBe(before)
  })
})
