import { onScopeDispose, shallowReactive } from 'vue'
import type { Text } from '../i18n/i18n'

export interface Hotkey {
  title: Text
  run: () => void
}

/** What the keyboard does at the moment: also what the help shows. By key, such as `n`, `?`, `mod+k`, `g h`. */
export const hotkeys = shallowReactive(new Map<string, Hotkey>())

const SEQUENCE_MS = 1200
let pressed = ''
let pressedAt = 0

/** Keys of a page, while it is there. `mod` is Ctrl, or the Command key of a Mac; `g h` is one after the other. */
export function useHotkeys(keys: Record<string, Hotkey>): void {
  for (const [key, hotkey] of Object.entries(keys)) hotkeys.set(key, hotkey)
  onScopeDispose(() => {
    for (const [key, hotkey] of Object.entries(keys)) if (hotkeys.get(key) === hotkey) hotkeys.delete(key)
  })
}

export function startHotkeys(): void {
  window.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return
    const hotkey = hotkeys.get(named(event))
    if (hotkey === undefined) return
    event.preventDefault()
    hotkey.run()
  })
}

function named(event: KeyboardEvent): string {
  if (event.ctrlKey || event.metaKey) return `mod+${event.key.toLowerCase()}`
  // A letter typed into a field is a letter; under a dialog nothing is at hand.
  if (isTyping(event.target) || document.querySelector('[role=dialog],[role=alertdialog],dialog[open]')) return ''

  const isSequence = event.timeStamp - pressedAt < SEQUENCE_MS && hotkeys.has(`${pressed} ${event.key}`)
  const name = isSequence ? `${pressed} ${event.key}` : event.key
  pressed = event.key
  pressedAt = event.timeStamp
  return name
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'))
}
