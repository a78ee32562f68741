import { describe, expect, it } from 'vitest'
import { documentText, isDocument, pixKeyKind } from './documents'

describe('a document', () => {
  it.each(['12345678909', '529.982.247-25', '12ABC34501DE35', '12.abc.345/01de-35', '00.038.166/0001-05'])(
    'is one: %s',
    (text) => {
      expect(isDocument(text)).toBe(true)
    },
  )

  it.each([
    ...['12345678900', '12ABC34501DE36', '11111111111', '00000000000000', '123456789', '', '1234567890A'],
    ...['\uff112345678909', '٠٠٠٣٨١٦٦٠٠٠١٠٥', '1²345678909', '12\u017fBC34501DE35'],
  ])('is none: %s', (text) => {
    expect(isDocument(text)).toBe(false)
  })

  it.each([
    ['52998224725', '529.982.247-25'],
    ['12abc34501de35', '12.ABC.345/01DE-35'],
    ['***.***.247-**', '***.***.247-**'],
    ['something else', 'something else'],
  ])('is written with its punctuation: %s', (text, written) => {
    expect(documentText(text)).toBe(written)
  })
})

describe('a PIX key', () => {
  it.each([
    ['529.982.247-25', 'cpf'],
    ['00.038.166/0001-05', 'cnpj'],
    ['12ABC34501DE35', 'cnpj'],
    ['+55 (61) 98765-4321', 'phone'],
    ['Fulano@Example.com', 'email'],
    ['123E4567-e12b-12d1-a456-426655440000', 'evp'],
  ])('says by itself what it is: %s', (text, kind) => {
    expect(pixKeyKind(text)).toBe(kind)
  })

  it.each(['', '61987654321', '12345678900', 'fulano@', '@', 'a b@c.d', '+0', '\u212aim@x.com', `${'a'.repeat(77)}@x.com`])(
    'is none: %s',
    (text) => {
      expect(pixKeyKind(text)).toBeNull()
    },
  )
})
