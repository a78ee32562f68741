type Option = { value: string; label: string }

/** One box of a list's filters. `all` is what the empty choice of a select is called, if not the word that fits any. */
export type FilterField =
  | { kind: 'search'; key: string; label: string; placeholder?: string }
  | { kind: 'select'; key: string; label: string; options: readonly Option[]; all?: string }
  | { kind: 'date'; key: string; label: string; min?: string; max?: string }
