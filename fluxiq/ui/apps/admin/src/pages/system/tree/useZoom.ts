import { type Ref, shallowRef } from 'vue'

export interface View {
  x: number
  y: number
  scale: number
}

const SCALE_MIN = 0.15
const SCALE_MAX = 2
const FIT_SCALE_MIN = 0.85
const MARGIN = 20

/** Panning and zooming: a drag, the wheel (with Ctrl it zooms), two fingers, and buttons. */
export function useZoom(element: Readonly<Ref<HTMLElement | null>>) {
  const view = shallowRef<View>({ x: MARGIN, y: MARGIN, scale: 1 })
  const fingers = new Map<number, { x: number; y: number }>()

  function panBy(x: number, y: number): void {
    view.value = { ...view.value, x: view.value.x + x, y: view.value.y + y }
  }

  /** What is under `at` (pixels of the canvas) stays there. */
  function zoomBy(factor: number, at = middle()): void {
    const { x, y, scale } = view.value
    const next = clamp(scale * factor, SCALE_MIN, SCALE_MAX)
    const grown = next / scale
    view.value = { x: at.x - (at.x - x) * grown, y: at.y - (at.y - y) * grown, scale: next }
  }

  /** All of it where that can still be read; else from its beginning. */
  function fit(width: number, height: number, scaleMin = FIT_SCALE_MIN): void {
    const box = element.value?.getBoundingClientRect()
    if (!box || box.width === 0) return
    const whole = Math.min((box.width - 2 * MARGIN) / width, (box.height - 2 * MARGIN) / height)
    const scale = clamp(whole, scaleMin, 1)
    const y = height * scale < box.height ? (box.height - height * scale) / 2 : MARGIN
    view.value = { x: MARGIN, y, scale }
  }

  function centre(x: number, y: number): void {
    const at = middle()
    const { scale } = view.value
    view.value = { x: at.x - x * scale, y: at.y - y * scale, scale }
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault()
    if (event.ctrlKey || event.metaKey) zoomBy(Math.exp(-event.deltaY / 300), offset(event))
    else panBy(-event.deltaX, -event.deltaY)
  }

  function down(event: PointerEvent): void {
    // Not captured before it moves: a mark under the pointer is still to be clicked.
    fingers.set(event.pointerId, offset(event))
  }

  function move(event: PointerEvent): void {
    const before = fingers.get(event.pointerId)
    if (before === undefined) return
    const now = offset(event)
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1]
    if (other) zoomBy(distance(now, other) / Math.max(1, distance(before, other)), other)
    else if (distance(now, before) > 2 || element.value?.hasPointerCapture(event.pointerId)) {
      element.value?.setPointerCapture(event.pointerId)
      panBy(now.x - before.x, now.y - before.y)
    } else return
    fingers.set(event.pointerId, now)
  }

  function up(event: PointerEvent): void {
    fingers.delete(event.pointerId)
  }

  function offset(event: MouseEvent): { x: number; y: number } {
    const box = element.value!.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }

  function middle(): { x: number; y: number } {
    const box = element.value?.getBoundingClientRect()
    return { x: (box?.width ?? 0) / 2, y: (box?.height ?? 0) / 2 }
  }

  return { view, panBy, zoomBy, fit, centre, wheel, down, move, up }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

function distance(one: { x: number; y: number }, other: { x: number; y: number }): number {
  return Math.hypot(one.x - other.x, one.y - other.y)
}
