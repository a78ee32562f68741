import { useEventListener, useMutationObserver, useResizeObserver } from '@vueuse/core'
import type uPlot from 'uplot'
import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue'

/**
 * A plot in `element`. Its code comes after the page, which has its numbers without it. It is drawn
 * anew when its shape or the theme changes, and only given its data when that is all that changed.
 * `place` is the point under the cursor, null without one.
 */
export function usePlot(
  element: Readonly<Ref<HTMLElement | null>>,
  options: (width: number) => uPlot.Options,
  data: () => uPlot.AlignedData,
  shape: () => unknown,
) {
  const place = ref<number | null>(null)
  let Plot: typeof uPlot | null = null
  let plot: uPlot | null = null

  function draw() {
    plot?.destroy()
    plot = null
    const width = element.value?.clientWidth ?? 0
    if (!Plot || !element.value || width === 0) return
    const follow = { setCursor: [(one: uPlot) => void (place.value = one.cursor.idx ?? null)] }
    plot = new Plot({ ...options(width), hooks: follow }, data(), element.value)
  }

  onMounted(async () => {
    Plot = await import('uplot').then((module) => module.default, () => null) // offline: numbers without lines
    draw()
  })
  onBeforeUnmount(() => {
    plot?.destroy()
    Plot = plot = null
  })
  watch(shape, draw, { flush: 'post' })
  watch(data, (rows) => (plot ? plot.setData(rows) : draw()), { flush: 'post' })

  useResizeObserver(element, ([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0)
    if (!plot) draw()
    else if (width > 0 && width !== plot.width) plot.setSize({ width, height: plot.height })
  })
  useMutationObserver(() => document.documentElement, draw, { attributes: true, attributeFilter: ['class', 'data-theme'] })
  useEventListener(window.matchMedia('(prefers-color-scheme: dark)'), 'change', draw)

  return { place }
}
