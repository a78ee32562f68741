import { describe, expect, it } from 'vitest'
import { matching, sectionsOf, valueText } from './values'

const SETTINGS = {
  http: { port: 4000, tls: { port: 4443, key_file: '' } },
  data_dir: '.fluxiq',
  operators: { institutions: ['12345678'] },
}

describe('settings as sections', () => {
  it('has those above all sections first, and tables within as dotted names', () => {
    expect(sectionsOf(SETTINGS)).toEqual([
      { name: '', lines: [{ name: 'data_dir', value: '.fluxiq' }] },
      {
        name: 'http',
        lines: [
          { name: 'port', value: 4000 },
          { name: 'tls.port', value: 4443 },
          { name: 'tls.key_file', value: '' },
        ],
      },
      { name: 'operators', lines: [{ name: 'institutions', value: ['12345678'] }] },
    ])
  })

  it('tells tables of one name apart by what they are known as', () => {
    const institutions = [{ ispb: '12345678', providers: [{ name: 'simulator', url: '' }, { url: 'x' }] }]
    expect(sectionsOf({ institutions })).toEqual([
      {
        name: 'institutions[12345678]',
        lines: [
          { name: 'ispb', value: '12345678' },
          { name: 'providers[simulator].name', value: 'simulator' },
          { name: 'providers[simulator].url', value: '' },
          { name: 'providers[1].url', value: 'x' },
        ],
      },
    ])
  })

  it('is searched by full name and by value, in any case', () => {
    const names = (wanted: string) => matching(sectionsOf(SETTINGS), wanted).flatMap(({ lines }) => lines.map(({ name }) => name))
    expect(names('HTTP.tls')).toEqual(['tls.port', 'tls.key_file'])
    expect(names('12345678')).toEqual(['institutions'])
    expect(names('nothing of the kind')).toEqual([])
    expect(names(' ')).toHaveLength(5)
  })
})

it('writes lists and numbers as a file would', () => {
  expect(valueText(['a', 1])).toBe('["a",1]')
  expect(valueText(false)).toBe('false')
  expect(valueText('')).toBe('')
})
