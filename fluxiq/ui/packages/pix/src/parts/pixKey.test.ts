import { describe, expect, it } from 'vitest'
import { looksLikeBrCode, meantKeys } from './pixKey'

describe('the key that somebody meant', () => {
  it('is stored as DICT has it', () => {
    expect(meantKeys(' 529.982.247-25 ')).toEqual([{ kind: 'cpf', key: '52998224725' }])
    expect(meantKeys('Maria@Example.com')).toEqual([{ kind: 'email', key: 'maria@example.com' }])
    expect(meantKeys('+55 (11) 98765-4321')).toEqual([{ kind: 'phone', key: '+5511987654321' }])
  })

  it('is a phone in Brazil where plus and country were left out', () => {
    expect(meantKeys('(11) 98765-4321')).toEqual([{ kind: 'phone', key: '+5511987654321' }])
    expect(meantKeys('11 3456-7890')).toEqual([{ kind: 'phone', key: '+551134567890' }])
  })

  it('may be two things, and then both are offered', () => {
    const both = meantKeys('11900000083')
    const kinds = both.map((one) => one.kind)
    expect(kinds).toEqual(['cpf', 'phone'])
  })

  it('is none where nothing fits', () => {
    expect(meantKeys('maria')).toEqual([])
    expect(meantKeys('529.982.247-26')).toEqual([])
    expect(meantKeys('')).toEqual([])
  })
})

describe('a code to copy and paste', () => {
  it('is told by its beginning, whatever its checksum says', () => {
    expect(looksLikeBrCode(' 00020126580014br.gov.bcb.pix')).toBe(true)
    expect(looksLikeBrCode('52998224725')).toBe(false)
  })
})
