import { describe, expect, it } from 'vitest'
import { crc16, parseBrCode } from './brcode'

// Both printed in BACEN's manual.
const STATIC =
  '00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000' +
  '5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D'
const DYNAMIC =
  '00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd441' +
  '5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4'

function sealed(body: string): string {
  const crc = crc16(new TextEncoder().encode(`${body}6304`))
  return `${body}6304${crc.toString(16).toUpperCase().padStart(4, '0')}`
}

function resealed(old: string, next: string): string {
  expect(STATIC).toContain(old)
  return sealed(STATIC.slice(0, -8).replace(old, next))
}

describe('a BR Code', () => {
  it('is read as the manual prints it, static', () => {
    expect(parseBrCode(STATIC)).toEqual({
      merchant: 'Fulano de Tal',
      city: 'BRASILIA',
      key: '123e4567-e12b-12d1-a456-426655440000',
      category: '0000',
      isOnce: false,
    })
  })

  it('is read as the manual prints it, dynamic', () => {
    expect(parseBrCode(`  ${DYNAMIC}\n`)).toEqual({
      merchant: 'Fulano de Tal',
      city: 'BRASILIA',
      url: 'pix.example.com/8b3da2f39a4140d1a91abd93113bd441',
      category: '0000',
      isOnce: true,
    })
  })

  it('has a CRC that is CCITT-FALSE', () => {
    expect(crc16(new TextEncoder().encode('123456789'))).toBe(0x29b1)
  })

  it('has lengths in characters and a CRC over bytes', () => {
    const text = resealed('5913Fulano de Tal6008BRASILIA', '5910João Ação😀6009São Paulo')
    expect(parseBrCode(text)).toMatchObject({ merchant: 'João Ação😀', city: 'São Paulo' })
  })

  it.each([
    ['5410123.456789', { error: 'amount', field: '54' }],
    ['54040.00', { error: 'amount', field: '54' }],
    ['5410123456.789', { error: 'amount', field: '54' }],
  ])('with an amount that is none is refused: %s', (field, refused) => {
    expect(parseBrCode(resealed('5802BR', `${field}5802BR`))).toEqual(refused)
  })

  it.each([
    ['54041.50', 150],
    ['540210', 1000],
    ['540520000', 2_000_000],
    ['54100000000.01', 1],
  ])('says its amount in centavos: %s', (field, centavos) => {
    expect(parseBrCode(resealed('5802BR', `${field}5802BR`))).toMatchObject({ amount: centavos })
  })
})

describe('a code that was altered', () => {
  it('is refused, whichever letter changed', () => {
    for (let at = 0; at < STATIC.length; at += 1) {
      for (const other of ['0', '7', 'A', 'a', ' ', '*']) {
        if (other === STATIC[at]) continue
        const read = parseBrCode(STATIC.slice(0, at) + other + STATIC.slice(at + 1))
        expect(read).toHaveProperty('error')
      }
    }
  })

  it('is told apart: a wrong CRC, and none', () => {
    expect(parseBrCode(STATIC.replace('Fulano', 'Fulana'))).toEqual({ error: 'crc', field: '63' })
    expect(parseBrCode(STATIC.slice(0, -4) + STATIC.slice(-4).toLowerCase())).toEqual({ error: 'crc_missing', field: '63' })
  })

  it.each([
    ['', 'empty'],
    ['6304', 'crc_missing'],
    ['63041D3D', 'crc'],
    ['0'.repeat(600), 'too_long'],
    ['\ud800'.repeat(20), 'crc_missing'],
    ['um texto qualquer', 'crc_missing'],
  ])('is refused when it is no code at all: %s', (text, error) => {
    expect(parseBrCode(text)).toMatchObject({ error })
  })

  it.each([
    ['000201', '', '00'],
    ['000201', '000202', '00'],
    ['5204000053', '53', '52'],
    ['52040000', '5204000A', '52'],
    ['5303986', '5303840', '53'],
    ['5802BR', '', '58'],
    ['5913Fulano de Tal', '', '59'],
    ['6008BRASILIA', '', '60'],
    ['62070503***', '', '62'],
    ['62070503***', '62080804test', '62.05'],
    ['5802BR', '5802BR5802BR', '58'],
    ['6008BRASILIA', '6099BRASILIA', '60'],
    ['6008BRASILIA', '6000', '60'],
    ['0503***', '0504***', '62.05'],
  ])('with a right CRC names what is wrong: %s → %s', (old, next, field) => {
    expect(parseBrCode(resealed(old, next))).toEqual({ error: 'malformed', field })
  })

  it('is of another scheme, or has no key that is one', () => {
    expect(parseBrCode(resealed('br.gov.bcb.pix', 'br.gov.bcb.pax'))).toEqual({ error: 'not_pix', field: '26' })
    expect(parseBrCode(resealed('123e4567-e12b', '123e4567-zzzz'))).toEqual({ error: 'key', field: '26.01' })
  })
})
