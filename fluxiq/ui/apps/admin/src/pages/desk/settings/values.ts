export interface SettingLine {
  /** As a file has it beneath its section: `tls.port`. */
  name: string
  value: string | number | boolean | null | readonly unknown[]
}

export interface SettingSection {
  /** Empty: those that stand above all sections. */
  name: string
  lines: SettingLine[]
}

/** Settings by section, tables within a section as dotted names, as TOML has them. */
export function sectionsOf(settings: Readonly<Record<string, unknown>>): SettingSection[] {
  const general: SettingLine[] = []
  const sections: SettingSection[] = []
  for (const [name, value] of Object.entries(settings)) {
    if (isTable(value)) sections.push({ name, lines: linesOf(value, '') })
    else if (isTables(value)) sections.push(...value.map((one, place) => ({ name: named(name, one, place), lines: linesOf(one, '') })))
    else general.push({ name, value: value as SettingLine['value'] })
  }
  return general.length > 0 ? [{ name: '', lines: general }, ...sections] : sections
}

/** The lines in whose full name or value `wanted` occurs; sections without any are left out. */
export function matching(sections: readonly SettingSection[], wanted: string): SettingSection[] {
  const word = wanted.trim().toLowerCase()
  return sections
    .map(({ name, lines }) => ({ name, lines: lines.filter((line) => `${name}.${line.name} ${valueText(line.value)}`.toLowerCase().includes(word)) }))
    .filter(({ lines }) => lines.length > 0)
}

/** As TOML writes it, but for texts, which need no quotes to be read. */
export function valueText(value: SettingLine['value']): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function linesOf(table: Record<string, unknown>, before: string): SettingLine[] {
  return Object.entries(table).flatMap(([name, value]) => {
    if (isTable(value)) return linesOf(value, `${before}${name}.`)
    if (isTables(value)) return value.flatMap((one, place) => linesOf(one, `${before}${named(name, one, place)}.`))
    return [{ name: before + name, value: value as SettingLine['value'] }]
  })
}

/** One of several tables by the same name: by what it is known as, else by its place. */
function named(name: string, table: Record<string, unknown>, place: number): string {
  return `${name}[${table['ispb'] ?? table['name'] ?? place}]`
}

function isTables(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isTable)
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
