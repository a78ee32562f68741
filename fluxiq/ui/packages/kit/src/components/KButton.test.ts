import { mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import KButton from './KButton.vue'

describe('KButton', () => {
  it('does nothing while it is busy, and keeps the focus', async () => {
    const onClick = vi.fn()
    const button = mount(KButton, { props: { busy: true }, attrs: { onClick }, slots: { default: 'Enviar' }, attachTo: document.body })
    button.element.focus()
    await button.trigger('click')
    expect(onClick).not.toHaveBeenCalled()
    expect(document.activeElement).toBe(button.element)
    expect(button.attributes()).toMatchObject({ 'aria-busy': 'true', 'aria-disabled': 'true' })
  })

  it('sends no form a second time while it is busy', async () => {
    const onSubmit = vi.fn((event: Event) => event.preventDefault())
    const Form = { components: { KButton }, props: ['busy'], setup: () => ({ onSubmit }), template: '<form @submit="onSubmit"><KButton type="submit" :busy="busy">Enviar</KButton></form>' }
    const form = mount(Form, { props: { busy: false }, attachTo: document.body })
    form.get('button').element.click()
    await form.setProps({ busy: true })
    form.get('button').element.click()
    expect(onSubmit).toHaveBeenCalledOnce()
  })

  it('is a link where it leads somewhere, and none while it is disabled', async () => {
    const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:any(.*)*', component: {} }] })
    const button = mount(KButton, { props: { to: '/new' }, slots: { default: 'Nova' }, global: { plugins: [router] } })
    expect(button.attributes('href')).toBe('/new')
    await button.setProps({ disabled: true })
    expect(button.element.tagName).toBe('BUTTON')
    expect(button.attributes('disabled')).toBeDefined()
  })

  it('has a name when it shows only an icon', () => {
    expect(mount(KButton, { props: { icon: 'x', label: 'Fechar' } }).attributes('aria-label')).toBe('Fechar')
  })
})
