import { computed, nextTick, type Ref } from 'vue'

const SLOT = /[0A]/

/** `text` written into `mask`: '0' takes a digit, 'A' a letter or a digit, the rest is punctuation. */
export function masked(text: string, mask: string): string {
  const letters = bare(text)
  let taken = 0
  let out = ''

  for (const place of mask) {
    if (taken >= letters.length) break
    if (!SLOT.test(place)) {
      out += place
      continue
    }
    while (taken < letters.length && place === '0' && !/\d/.test(letters.charAt(taken))) taken++
    if (taken < letters.length) out += letters.charAt(taken++)
  }
  return out
}

export function bare(text: string): string {
  return text.replace(/[^0-9a-z]/gi, '').toUpperCase()
}

/** The first mask that loses nothing of `text`, else the last: a CPF grows into a CNPJ, by length or by a letter. */
export function maskFor(text: string, masks: readonly string[]): string {
  return masks.find((mask) => bare(masked(text, mask)) === bare(text)) ?? masks.at(-1) ?? ''
}

/** An input whose model is the masked text; the caret stays behind what was typed. */
export function useMask(
  model: Ref<string | null | undefined>,
  mask: () => string | string[] | undefined,
  element: Readonly<Ref<HTMLInputElement | null>>,
) {
  const apply = (text: string) => {
    const masks = mask()
    if (!masks) return text
    return masked(text, maskFor(text, typeof masks === 'string' ? [masks] : masks))
  }
  const shown = computed(() => apply(model.value ?? ''))

  function typed(event: Event) {
    const input = event.target as HTMLInputElement
    const before = bare(input.value.slice(0, input.selectionStart ?? input.value.length)).length
    const text = apply(input.value)
    model.value = text
    if (!mask()) return
    input.value = text // what did not fit leaves the box even if the model stays as it was

    void nextTick(() => {
      const caret = caretAfter(text, before)
      if (element.value === document.activeElement) input.setSelectionRange(caret, caret)
    })
  }

  return { shown, typed }
}

/** Where the caret stands behind the first `count` letters and digits of `text`. */
export function caretAfter(text: string, count: number): number {
  let seen = 0
  for (let place = 0; place < text.length; place++) {
    if (seen === count) return place
    if (/[0-9a-z]/i.test(text.charAt(place))) seen++
  }
  return text.length
}
