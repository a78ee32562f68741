export interface CsvRow {
  /** Of the file, from 1: where an editor shows it. */
  line: number
  cells: string[]
}

const UTF8_BOM = '\uFEFF'

/** What spreadsheets save: UTF-8, or the Windows code page where they are old. */
export function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** The separator of a file: in Brazil spreadsheets write `;`, since the comma is in the amounts. */
export function separatorOf(text: string): ';' | ',' | '\t' {
  const head = text.split(/\r?\n/, 1)[0] ?? ''
  const counted = ([';', '\t', ','] as const).map((mark) => ({ mark, times: head.split(mark).length }))
  return counted.reduce((best, one) => (one.times > best.times ? one : best)).mark
}

/**
 * Rows of an RFC 4180 file: quoted cells may hold separators, line ends and doubled quotes. Empty rows
 * are left out. A quote that never ends takes the rest: the row then fails for what it says.
 */
export function csvRows(source: string): CsvRow[] {
  const text = source.startsWith(UTF8_BOM) ? source.slice(1) : source
  const separator = separatorOf(text)
  const rows: CsvRow[] = []
  let [cells, cell, isQuoted, line, begun] = [[] as string[], '', false, 1, 1]

  function endRow(): void {
    cells.push(cell)
    if (cells.some((one) => one.trim() !== '')) rows.push({ line: begun, cells: cells.map((one) => one.trim()) })
    ;[cells, cell, begun] = [[], '', line]
  }

  for (let at = 0; at < text.length; at += 1) {
    const mark = text.charAt(at)
    if (mark === '\n') line += 1
    if (isQuoted) {
      if (mark !== '"') cell += mark
      else if (text.charAt(at + 1) === '"') cell += text.charAt(at++)
      else isQuoted = false
    } else if (mark === '"' && cell.trim() === '') [isQuoted, cell] = [true, '']
    else if (mark === separator) [cells, cell] = [[...cells, cell], '']
    else if (mark === '\n') endRow()
    else if (mark !== '\r') cell += mark
  }
  endRow()
  return rows
}

/** A cell as it is written: quoted where it has to be. */
export function csvCell(text: string): string {
  return /[";\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
