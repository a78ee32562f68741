import { describe, expect, it } from 'vitest'
import { csvRows, decoded, separatorOf } from './csv'
import { LINES_MAX, readLines, sumOf, template } from './lines'

const HEAD = 'chave;valor;descrição;referência\n'
const EVP = '8e2c2b4b-f24f-31ec-7fbb-7f6fee53fc1a'

function only(row: string) {
  const { lines } = readLines(HEAD + row)
  expect(lines).toHaveLength(1)
  return lines[0]!
}

describe('csv', () => {
  it('reads quoted cells with separators, quotes and line ends in them', () => {
    expect(csvRows('a;b\n"x;""y""\nz";2').map((row) => row.cells)).toEqual([['a', 'b'], ['x;"y"\nz', '2']])
  })

  it('numbers rows as an editor does, also after a cell of two lines', () => {
    expect(csvRows('a;b\n"x\ny";2\n\n3;4').map((row) => row.line)).toEqual([1, 2, 5])
  })

  it('finds the separator that the first row is made of', () => {
    expect([separatorOf('a;b,c;d'), separatorOf('a,b,c'), separatorOf('a\tb')]).toEqual([';', ',', '\t'])
  })

  it('reads what old spreadsheets save in the Windows code page', () => {
    expect(decoded(Uint8Array.of(0x70, 0xe3, 0x6f).buffer)).toBe('pão')
    expect(decoded(new TextEncoder().encode('pão').buffer)).toBe('pão')
  })
})

describe('lines of a batch', () => {
  it('takes the amounts of spreadsheets, in reais, as centavos', () => {
    const { lines } = readLines(`${HEAD}a@b.com;1.234,56\n${EVP};R$ 10\n${EVP};0,05`)
    expect(lines.map((line) => line.amount)).toEqual([123456, 1000, 5])
    expect(lines.flatMap((line) => line.faults)).toEqual([])
    expect(sumOf(lines)).toBe(124461)
  })

  it('takes columns in any order and either language', () => {
    const { lines } = readLines('Amount,Reference,PIX_KEY\n"12.50",n1,Ana@Example.com')
    expect(lines[0]).toMatchObject({ key: 'ana@example.com', amount: 1250, reference: 'n1', faults: [] })
  })

  it.each([
    [';10', 'keyMissing'],
    ['11111111111;10', 'keyWrong'],
    [`${EVP};ten`, 'amountWrong'],
    [`${EVP};12,345`, 'amountWrong'],
    [`${EVP};-5`, 'amountWrong'],
    [`${EVP};0`, 'amountZero'],
    [`${EVP};1;${'x'.repeat(141)}`, 'descriptionLong'],
    [`${EVP};1;;${'x'.repeat(65)}`, 'referenceLong'],
  ])('says what is wrong with %s', (row, fault) => {
    expect(only(row).faults).toEqual([fault])
  })

  it('asks whom digits mean that are a CPF and a mobile phone alike', () => {
    expect(only('11900000083;10')).toMatchObject({ key: '', faults: ['keyAmbiguous'] })
    expect(only('+5511987654399;10')).toMatchObject({ key: '+5511987654399', faults: [] })
  })

  it('counts an emoji as one character, as the API does', () => {
    expect(only(`${EVP};1;${'🎉'.repeat(140)}`).faults).toEqual([])
  })

  it('refuses a reference that is said twice, and lets the first one stand', () => {
    const { lines } = readLines(`${HEAD}${EVP};1;;n1\n${EVP};2;;n1\n${EVP};3;;`)
    expect(lines.map((line) => line.faults)).toEqual([[], ['referenceRepeated'], []])
  })

  it('marks a payment that looks like one before it, and does not refuse it', () => {
    const { lines } = readLines(`${HEAD}a@b.com;10\nA@B.com;10,00\na@b.com;11`)
    expect(lines.map((line) => line.isTwin)).toEqual([false, true, false])
    expect(lines.flatMap((line) => line.faults)).toEqual([])
  })

  it('says why a whole file is of no use', () => {
    expect(readLines('').trouble).toBe('empty')
    expect(readLines(HEAD).trouble).toBe('empty')
    expect(readLines('name;city\nAna;Recife').trouble).toBe('columns')
    expect(readLines(HEAD + `${EVP};1\n`.repeat(LINES_MAX)).trouble).toBeNull()
    expect(readLines(HEAD + `${EVP};1\n`.repeat(LINES_MAX + 1)).trouble).toBe('tooMany')
  })

  it('reads its own template', () => {
    const names = { key: 'chave', amount: 'valor', description: 'descrição', reference: 'referência' }
    const text = template(names, [['ana@exemplo.com.br', '1.250,00', 'Nota "12"; maio', 'n12']])
    const { lines, trouble } = readLines(text)
    expect(trouble).toBeNull()
    expect(lines[0]).toMatchObject({ amount: 125000, description: 'Nota "12"; maio', reference: 'n12', faults: [] })
  })
})
