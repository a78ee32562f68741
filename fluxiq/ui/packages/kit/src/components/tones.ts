/** What a colour says. It never says it alone: a shape or a word stands beside it. */
export type Tone = 'good' | 'bad' | 'warn' | 'info' | 'muted'

export const TONES: Record<Tone, string> = {
  good: 'bg-good/12 text-good',
  bad: 'bg-bad/12 text-bad',
  warn: 'bg-warn/14 text-warn',
  info: 'bg-info/12 text-info',
  muted: 'bg-ink/8 text-ink-soft',
}

/** A box that says something, as opaque as a surface: its tint is the same on every ground. */
export const BOXES = {
  bad: 'border-bad/40 bg-[color-mix(in_srgb,var(--color-bad)_8%,var(--color-surface))]',
  warn: 'border-warn/45 bg-[color-mix(in_srgb,var(--color-warn)_8%,var(--color-surface))]',
} as const
