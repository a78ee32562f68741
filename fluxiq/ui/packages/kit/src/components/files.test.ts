import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { fits, sizeText } from './files'
import KFileInput from './KFileInput.vue'

describe('the size of a file', () => {
  it.each([
    [999, '999 B'],
    [45_300, '45 kB'],
    [1_480_000, '1,5 MB'],
  ])('is written as people read it: %d', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text)
  })
})

describe('fits', () => {
  const csv = { name: 'Lote.CSV', type: 'text/csv' }

  it.each([
    ['.csv', true],
    ['text/csv', true],
    ['text/*', true],
    ['.ofx, .csv', true],
    ['image/*', false],
    [undefined, true],
  ])('of accept=%s says %s', (accept, isKind) => {
    expect(fits(csv, accept)).toBe(isKind)
  })
})

describe('KFileInput', () => {
  async function choose(file: File) {
    const box = mount(KFileInput, { props: { accept: '.csv', maxBytes: 10, modelValue: null } })
    Object.defineProperty(box.get('input').element, 'files', { value: [file] })
    await box.get('input').trigger('change')
    return box
  }

  it('hands over the file', async () => {
    const file = new File(['a,b'], 'lote.csv')
    expect((await choose(file)).emitted('update:modelValue')).toEqual([[file]])
  })

  it.each([
    ['of the wrong kind', new File(['x'], 'foto.png')],
    ['that is too big', new File(['x'.repeat(11)], 'lote.csv')],
  ])('says why it takes no file %s', async (_, file) => {
    const box = await choose(file)
    expect(box.emitted('update:modelValue')).toBeUndefined()
    expect(box.get('[role=status]').text()).not.toBe('')
  })
})
