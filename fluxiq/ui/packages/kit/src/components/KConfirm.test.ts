import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { ApiFailure } from '../api/failure'
import { setLocale } from '../i18n/i18n'
import KConfirm from './KConfirm.vue'

beforeEach(() => setLocale('pt-BR'))

let dialog: VueWrapper | null = null
afterEach(() => {
  dialog?.unmount()
  document.body.innerHTML = ''
})

/** The dialog lives at the end of the body, so it is looked up there. */
async function open(props: Record<string, unknown> = {}) {
  const confirm = mount(KConfirm, {
    attachTo: document.body,
    props: { open: true, title: 'Bloquear?', verb: 'Bloquear conta', ...props, 'onUpdate:open': (value: boolean) => confirm.setProps({ open: value }) },
  })
  dialog = confirm
  await vi.dynamicImportSettled()
  await nextTick()
  const one = <T extends HTMLElement>(selector: string) => document.body.querySelector<T>(selector)

  async function write(selector: string, text: string) {
    const box = one<HTMLInputElement>(selector)
    if (!box) throw new Error(`${selector} is not there`)
    box.value = text
    box.dispatchEvent(new Event('input'))
    await nextTick()
  }
  async function submit() {
    one('form')?.dispatchEvent(new Event('submit', { cancelable: true }))
    await nextTick()
  }
  const press = async (label: string) => {
    ;[...document.body.querySelectorAll('button')].find((button) => button.textContent?.trim() === label)?.click()
    await nextTick()
  }
  return { confirm, one, write, submit, press, verb: () => one<HTMLButtonElement>('button[type=submit]') }
}

describe('KConfirm', () => {
  it('is a question to those who hear it, with its title', async () => {
    const { one } = await open()
    const box = one('[role=alertdialog]')
    expect(document.getElementById(box?.getAttribute('aria-labelledby') ?? '')?.textContent).toBe('Bloquear?')
  })

  it('does nothing without the reason it needs', async () => {
    const { confirm, submit, write, verb } = await open({ needsReason: true })
    expect(verb()?.disabled).toBe(true)
    await write('textarea', '  x ')
    await submit()
    expect(confirm.emitted('confirm')).toBeUndefined()
  })

  it('hands over the reason, without the blanks around it', async () => {
    const { confirm, submit, write } = await open({ needsReason: true })
    await write('textarea', '  fraude relatada ')
    await submit()
    expect(confirm.emitted('confirm')).toEqual([['fraude relatada']])
  })

  it('wants the text written out exactly', async () => {
    const { confirm, submit, write } = await open({ needsText: 'Loja Centro' })
    await write('input', 'loja centro')
    await submit()
    expect(confirm.emitted('confirm')).toBeUndefined()
    await write('input', 'Loja Centro')
    await submit()
    expect(confirm.emitted('confirm')).toEqual([['']])
  })

  it('is not confirmed twice, nor left, while the deed runs', async () => {
    const { confirm, submit, press } = await open({ busy: true })
    await submit()
    await press('Voltar')
    document.body.querySelector('[role=alertdialog]')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true }))
    await nextTick()
    expect(confirm.emitted('confirm')).toBeUndefined()
    expect(confirm.props('open')).toBe(true)
  })

  it('shows in it why the deed failed', async () => {
    const failure = new ApiFailure({ status: 409, code: 'a_code_of_no_text', message: 'Já está bloqueada.', requestId: 'req_1' })
    const { one } = await open({ failure })
    expect(one('[role=alert]')?.textContent).toContain('Já está bloqueada.')
    expect(one('[role=alert]')?.textContent).toContain('req_1')
  })

  it('begins with empty boxes when it is asked again', async () => {
    const { confirm, write, press, one } = await open({ needsReason: true })
    await write('textarea', 'de antes')
    await press('Voltar')
    expect(confirm.props('open')).toBe(false)
    await confirm.setProps({ open: true })
    await nextTick()
    expect(one<HTMLTextAreaElement>('textarea')?.value).toBe('')
  })
})
