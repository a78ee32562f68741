import { meantKeys } from '@fluxiq/pix/parts/pixKey'
import { parseMoney } from '@fluxiq/kit'
import { csvCell, csvRows, type CsvRow } from './csv'

export const LINES_MAX = 1000
const DESCRIPTION_LENGTH_MAX = 140
const REFERENCE_LENGTH_MAX = 64

export type FaultCode =
  | 'keyMissing'
  | 'keyWrong'
  | 'keyAmbiguous'
  | 'amountWrong'
  | 'amountZero'
  | 'descriptionLong'
  | 'referenceLong'
  | 'referenceRepeated'

export interface ReadLine {
  /** Of the file. */
  line: number
  typedKey: string
  typedAmount: string
  description: string
  reference: string
  /** As DICT stores it; empty where there is a fault. */
  key: string
  /** Centavos; 0 where there is a fault. */
  amount: number
  faults: FaultCode[]
  /** Not wrong, and worth a look: the same key and amount came before. */
  isTwin: boolean
}

export interface ReadFile {
  lines: ReadLine[]
  /** Why nothing of the file can be used. */
  trouble: 'empty' | 'tooMany' | 'columns' | null
}

type Column = 'key' | 'amount' | 'description' | 'reference'

const NAMES: Record<Column, readonly string[]> = {
  key: ['chave', 'chave pix', 'key', 'pix_key', 'pix key'],
  amount: ['valor', 'amount', 'quantia'],
  description: ['descricao', 'mensagem', 'description', 'message'],
  reference: ['referencia', 'identificador', 'reference', 'id'],
}

/**
 * A batch as somebody wrote it in a spreadsheet, every line judged before anything is sent. The first
 * row names the columns, in either language and any order; key and amount must be among them.
 */
export function readLines(text: string): ReadFile {
  const [head, ...rows] = csvRows(text)
  if (head === undefined || (rows.length === 0 && placesOf(head) !== null)) return { lines: [], trouble: 'empty' }
  const places = placesOf(head)
  if (places === null) return { lines: [], trouble: 'columns' }
  if (rows.length > LINES_MAX) return { lines: [], trouble: 'tooMany' }
  return { lines: judged(rows.map((row) => lineOf(row, places))), trouble: null }
}

/** The sum of what can be sent, in centavos. */
export function sumOf(lines: readonly Pick<ReadLine, 'amount'>[]): number {
  return lines.reduce((sum, { amount }) => sum + amount, 0)
}

/** A file to fill in: what the columns are called, and two lines that show how. */
export function template(names: Record<Column, string>, examples: readonly string[][]): string {
  const head = [names.key, names.amount, names.description, names.reference]
  return '\uFEFF' + [head, ...examples].map((row) => row.map(csvCell).join(';')).join('\r\n') + '\r\n'
}

function placesOf(head: CsvRow): Map<Column, number> | null {
  const titles = head.cells.map((title) => title.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase())
  const places = new Map<Column, number>()
  for (const column of Object.keys(NAMES) as Column[]) {
    const place = titles.findIndex((title) => NAMES[column].includes(title))
    if (place >= 0) places.set(column, place)
  }
  return places.has('key') && places.has('amount') ? places : null
}

function lineOf(row: CsvRow, places: Map<Column, number>): ReadLine {
  const cell = (column: Column) => row.cells[places.get(column) ?? -1] ?? ''
  const [typedKey, typedAmount] = [cell('key'), cell('amount')]
  const [description, reference] = [cell('description'), cell('reference')]
  const faults: FaultCode[] = []

  const keys = meantKeys(typedKey)
  if (typedKey === '') faults.push('keyMissing')
  else if (keys.length === 0) faults.push('keyWrong')
  // Eleven digits that are both a CPF and a mobile phone: paying the wrong person is worse than asking.
  else if (keys.length > 1) faults.push('keyAmbiguous')

  const amount = parseMoney(typedAmount)
  if (amount === null) faults.push('amountWrong')
  else if (amount <= 0) faults.push('amountZero')

  if (lengthOf(description) > DESCRIPTION_LENGTH_MAX) faults.push('descriptionLong')
  if (lengthOf(reference) > REFERENCE_LENGTH_MAX) faults.push('referenceLong')
  const key = keys.length === 1 ? (keys[0]?.key ?? '') : ''
  return { line: row.line, typedKey, typedAmount, description, reference, key, amount: amount ?? 0, faults, isTwin: false }
}

/** What only shows beside the other lines: a reference said twice, a payment that looks like another. */
function judged(lines: ReadLine[]): ReadLine[] {
  const references = new Set<string>()
  const payments = new Set<string>()
  return lines.map((line) => {
    const isRepeated = line.reference !== '' && references.has(line.reference)
    references.add(line.reference)
    const payment = `${line.key} ${line.amount}`
    const isTwin = line.key !== '' && payments.has(payment)
    payments.add(payment)
    return { ...line, isTwin, faults: isRepeated ? [...line.faults, 'referenceRepeated'] : line.faults }
  })
}

/** In characters, as the API counts: an emoji is one, not two. */
function lengthOf(text: string): number {
  return [...text].length
}
