const MARGIN = 2

/** A path through `values`, the lowest at the bottom; a null leaves a gap. */
export function sparkline(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return ''
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const step = values.length > 1 ? width / (values.length - 1) : width
  const y = (value: number) => high === low ? height / 2 : MARGIN + (1 - (value - low) / (high - low)) * (height - 2 * MARGIN)

  let isDown = false
  return values
    .map((value, place) => {
      if (value === null) return ((isDown = false), '')
      const move = isDown ? 'L' : 'M'
      isDown = true
      return `${move}${rounded(place * step)} ${rounded(y(value))}`
    })
    .join('')
}

export type Slice = { start: number; share: number }

/** Where each part of a ring begins and how much of it it is, both as shares of one. */
export function slices(values: readonly number[]): Slice[] {
  const positive = values.map((value) => Math.max(0, value))
  const sum = positive.reduce((a, b) => a + b, 0)
  let start = 0
  return positive.map((value) => {
    const slice = { start, share: sum === 0 ? 0 : value / sum }
    start += slice.share
    return slice
  })
}

const rounded = (value: number) => Math.round(value * 100) / 100
