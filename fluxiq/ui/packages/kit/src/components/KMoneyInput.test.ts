import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { setLocale } from '../i18n/i18n'
import KMoneyInput from './KMoneyInput.vue'
import { caretBefore, shownCentavos, typedCentavos } from './moneyTyping'

beforeEach(() => setLocale('pt-BR'))

function open(centavos: number | null = null, props: { max?: number } = {}) {
  const box = mount(KMoneyInput, {
    attachTo: document.body,
    props: { modelValue: centavos, ...props, 'onUpdate:modelValue': (value: number | null) => box.setProps({ modelValue: value }) },
  })
  const input = box.get('input')
  const value = () => box.props('modelValue')

  async function type(keys: string) {
    for (const key of keys) await input.setValue(input.element.value + key)
  }
  async function paste(text: string) {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text', text)
    await input.trigger('paste', { clipboardData })
  }
  return { box, input, value, type, paste, note: () => box.get('[role=status]').text() }
}

describe('KMoneyInput / typing', () => {
  it('takes digits from the right, as a cash machine does', async () => {
    const { type, value, input } = open()
    await type('1500')
    expect(value()).toBe(1500)
    expect(input.element.value).toBe('15,00')
  })

  it('groups thousands while one types', async () => {
    const { type, input } = open()
    await type('123456789')
    expect(input.element.value).toBe('1.234.567,89')
  })

  it('ignores letters, a minus and a second comma', async () => {
    const { type, value, input } = open()
    await type('-1a2,,3')
    expect(value()).toBe(123)
    expect(input.element.value).toBe('1,23')
  })

  it('takes back one digit at a time, down to nothing', async () => {
    const { input, value } = open(15)
    await input.setValue('0,1')
    expect(value()).toBe(1)
    await input.setValue('0,0')
    expect(value()).toBeNull()
    expect(input.element.value).toBe('')
  })

  it('refuses a digit too many, keeps the amount, and says so', async () => {
    const { type, value, note, input } = open()
    await type('9999999999999')
    await type('9')
    expect(value()).toBe(9_999_999_999_999)
    expect(input.element.value).toBe('99.999.999.999,99')
    expect(note()).not.toBe('')
  })

  it('marks what is above the most, and does not change it', async () => {
    const { type, value, note, input } = open(null, { max: 100_00 })
    await type('10001')
    expect(value()).toBe(10_001)
    expect(input.attributes('aria-invalid')).toBe('true')
    expect(note()).toContain('100,00')
  })
})

describe('KMoneyInput / pasting', () => {
  it.each([
    ['1.234,56', 123_456],
    ['R$ 10', 1_000],
    ['1234.56', 123_456],
  ])('reads %s as written, not digit by digit', async (text, centavos) => {
    const { paste, value } = open()
    await paste(text)
    expect(value()).toBe(centavos)
  })

  it.each(['-50,00', 'dez reais', '1,2,3', ''])('keeps the amount when %j is pasted, and says why', async (text) => {
    const { paste, value, note, input } = open(700)
    await paste(text)
    expect(value()).toBe(700)
    expect(input.element.value).toBe('7,00')
    expect(note()).not.toBe('')
  })

  it('refuses more money than there is', async () => {
    const { paste, value, note } = open(700)
    await paste('100.000.000.000,00')
    expect(value()).toBe(700)
    expect(note()).not.toBe('')
  })
})

describe('moneyTyping', () => {
  it('shows centavos with two places always, and a sign for what is owed', () => {
    expect([null, 0, 7, 100, -123_456].map(shownCentavos)).toEqual(['', '0,00', '0,07', '1,00', '-1.234,56'])
  })

  it('tells nothing from too much', () => {
    expect(typedCentavos('0,00')).toBeNull()
    expect(typedCentavos('1'.repeat(14))).toBe('too_long')
  })

  it('keeps the caret before as many digits as were behind it', () => {
    expect(caretBefore('1.234,56', 0)).toBe(8)
    expect(caretBefore('1.234,56', 2)).toBe(6)
    expect(caretBefore('1.234,56', 9)).toBe(0)
  })
})
