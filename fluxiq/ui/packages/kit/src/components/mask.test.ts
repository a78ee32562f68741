import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import KInput from './KInput.vue'
import { caretAfter, masked, maskFor } from './mask'

const CPF = '000.000.000-00'
const CNPJ = 'AA.AAA.AAA/AAAA-00'

describe('masked', () => {
  it('writes the punctuation only once something follows it', () => {
    expect(masked('529', CPF)).toBe('529')
    expect(masked('5299', CPF)).toBe('529.9')
  })

  it('drops what does not fit', () => {
    expect(masked('52x998224725999', CPF)).toBe('529.982.247-25')
  })

  it('takes a CNPJ with letters', () => {
    expect(masked('12abc34501de35', CNPJ)).toBe('12.ABC.345/01DE-35')
  })

  it('grows from a CPF into a CNPJ', () => {
    expect(maskFor('52998224725', [CPF, CNPJ])).toBe(CPF)
    expect(maskFor('529982247251', [CPF, CNPJ])).toBe(CNPJ)
    expect(maskFor('12a', [CPF, CNPJ])).toBe(CNPJ)
    expect(maskFor('9'.repeat(20), [CPF, CNPJ])).toBe(CNPJ)
  })

  it('keeps the caret behind what stood before it', () => {
    expect(caretAfter('529.982', 3)).toBe(3)
    expect(caretAfter('529.982', 4)).toBe(5)
    expect(caretAfter('529.982', 9)).toBe(7)
  })
})

describe('KInput', () => {
  it('takes out of the box what the mask refuses, even when the model stays as it was', async () => {
    const box = mount(KInput, { props: { modelValue: '529.982.247-25', mask: CPF } })
    await box.get('input').setValue('529.982.247-25x')
    expect(box.get('input').element.value).toBe('529.982.247-25')
  })
})
