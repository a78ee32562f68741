import { shallowRef } from 'vue'

export type ToastKind = 'good' | 'bad' | 'warn' | 'info'

export interface Toast {
  id: number
  text: string
  kind: ToastKind
}

const TOASTS_MAX = 4
const SHOWN_MS: Record<ToastKind, number> = { good: 5000, info: 6000, warn: 10_000, bad: 12_000 }

export const toasts = shallowRef<readonly Toast[]>([])
let count = 0

/** Says something in passing. What somebody has to read stands in the page instead. */
export function toast(text: string, kind: ToastKind = 'good'): void {
  const id = (count += 1)
  const others = toasts.value.filter((one) => one.text !== text)
  toasts.value = [...others, { id, text, kind }].slice(-TOASTS_MAX)
  setTimeout(() => dismiss(id), SHOWN_MS[kind])
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id)
}
