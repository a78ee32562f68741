import { expect, it } from 'vitest'
import { codePayment, ID, keyPayment } from './drafts'

const payer = { name: ' Ana ', document: '123.456.789-09' }
const CODE = '00020126330014br.gov.bcb.pix0111123456789095204000053039865802BR5903Ana6006Recife62070503***6304'

/** CRC-16/CCITT-FALSE, bit by bit: what the kit's own table is not. */
function sealed(code: string): string {
  let crc = 0xffff
  for (const byte of new TextEncoder().encode(code)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return code + crc.toString(16).toUpperCase().padStart(4, '0')
}

it('pays a code as it is, or another amount', () => {
  const draft = { brCode: ` ${sealed(CODE)} `, amount: null, payer, copies: 2, isTold: true }
  expect(codePayment(draft)).toEqual({
    br_code: sealed(CODE),
    payer: { name: 'Ana', document: '12345678909' },
    copies: 2,
    is_told: true,
  })
  expect(codePayment({ ...draft, amount: 150 })).toMatchObject({ amount: 150 })
})

it('pays no code with a wrong checksum, and for nobody without a true document', () => {
  const draft = { brCode: sealed(CODE), amount: null, payer, copies: 1, isTold: true }
  expect(codePayment({ ...draft, brCode: `${CODE}0000` })).toBeNull()
  expect(codePayment({ ...draft, payer: { ...payer, document: '123.456.789-00' } })).toBeNull()
})

it('pays a key only with an amount', () => {
  const draft = { pixKey: 'ana@example.com', amount: 500, payer, isTold: false }
  expect(keyPayment(draft)).toEqual({
    pix_key: 'ana@example.com',
    amount: 500,
    payer: { name: 'Ana', document: '12345678909' },
    is_told: false,
  })
  expect(keyPayment({ ...draft, amount: null })).toBeNull()
  expect(keyPayment({ ...draft, pixKey: 'nobody' })).toBeNull()
})

it('knows an id by its 32 characters', () => {
  expect(ID.test('E1234567820261127012345678901234')).toBe(true)
  expect(ID.test('E123')).toBe(false)
})
