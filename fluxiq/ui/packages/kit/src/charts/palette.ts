/** The order in which series take their colours; names of the theme's tokens. */
export const SERIES_TONES = ['accent', 'warn', 'info', 'good', 'bad', 'ink-soft'] as const
export type SeriesTone = (typeof SERIES_TONES)[number]

export const toneOf = (place: number, tone?: SeriesTone): SeriesTone => tone ?? SERIES_TONES[place % SERIES_TONES.length] ?? 'accent'
export const colourOf = (place: number, tone?: SeriesTone): string => `var(--color-${toneOf(place, tone)})`

/** What a token is at this moment, for a canvas that knows no variables. */
export function resolved(element: HTMLElement, token: string): string {
  return getComputedStyle(element).getPropertyValue(`--color-${token}`).trim() || 'currentColor'
}
