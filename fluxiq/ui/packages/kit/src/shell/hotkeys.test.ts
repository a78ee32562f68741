import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import { hotkeys, startHotkeys, useHotkeys } from './hotkeys'

const title = { 'pt-BR': 'x', en: 'x' }
const home = vi.fn()
const help = vi.fn()
const palette = vi.fn()
const lone = vi.fn()

beforeAll(startHotkeys)
afterEach(() => document.body.replaceChildren())

function press(key: string, init: KeyboardEventInit = {}, target: EventTarget = document.body): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init })
  target.dispatchEvent(event)
  return event
}

function inPage(work: () => void): void {
  const scope = effectScope()
  scope.run(() =>
    useHotkeys({
      'g h': { title, run: home },
      h: { title, run: lone },
      '?': { title, run: help },
      'mod+k': { title, run: palette },
    }),
  )
  vi.clearAllMocks()
  work()
  scope.stop()
}

describe('the keyboard', () => {
  it('does what a page says, while the page is there', () => {
    inPage(() => {
      press('?')
      expect(help).toHaveBeenCalledTimes(1)
      expect(press('k', { ctrlKey: true }).defaultPrevented).toBe(true)
      press('K', { metaKey: true })
      expect(palette).toHaveBeenCalledTimes(2)
    })
    press('?')
    expect(help).toHaveBeenCalledTimes(1)
    expect(hotkeys.size).toBe(0)
  })

  it('knows one key after the other', () => {
    inPage(() => {
      press('g')
      press('h')
      expect(home).toHaveBeenCalledTimes(1)
      expect(lone).not.toHaveBeenCalled()
      press('x')
      press('h')
      expect(lone).toHaveBeenCalledTimes(1)
    })
  })

  it('writes in a field what is written in a field', () => {
    const field = document.body.appendChild(document.createElement('input'))
    inPage(() => {
      press('?', {}, field)
      expect(help).not.toHaveBeenCalled()
      press('k', { ctrlKey: true }, field)
      expect(palette).toHaveBeenCalledTimes(1)
    })
  })

  it('leaves the page alone under a dialog', () => {
    document.body.appendChild(document.createElement('div')).setAttribute('role', 'dialog')
    inPage(() => {
      press('?')
      expect(help).not.toHaveBeenCalled()
    })
  })
})
