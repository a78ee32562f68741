/** Words as they are looked for: without accents and capitals. */
export function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}

/**
 * The entries that `asked` may mean, the best first: every word of it begins a word of the title, or
 * stands somewhere inside.
 */
export function found<T extends { title: string }>(entries: readonly T[], asked: string): T[] {
  const words = folded(asked).split(/\s+/).filter(Boolean)
  return entries
    .map((entry) => ({ entry, score: score(folded(entry.title), words) }))
    .filter((one) => one.score > 0)
    .sort((one, other) => other.score - one.score)
    .map(({ entry }) => entry)
}

function score(title: string, words: readonly string[]): number {
  let sum = 1
  for (const word of words) {
    if (!title.includes(word)) return 0
    sum += title.startsWith(word) ? 4 : title.includes(` ${word}`) ? 2 : 1
  }
  return sum
}
