import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { setLocale } from '../i18n/i18n'
import KReveal from './KReveal.vue'

beforeEach(() => setLocale('pt-BR'))

describe('KReveal', () => {
  const open = () => mount(KReveal, { props: { secret: 'whsec_abc', label: 'Segredo' } })

  it('has nothing of the secret in the page until it is asked for', async () => {
    const box = open()
    expect(box.get('code').html()).not.toContain('whsec_abc')
    await box.get('button').trigger('click')
    expect(box.get('code').text()).toBe('whsec_abc')
  })

  it('copies without showing', async () => {
    const writeText = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue()
    const box = open()
    await box.findAll('button')[1]?.trigger('click')
    expect(writeText).toHaveBeenCalledWith('whsec_abc')
    await vi.waitFor(() => expect(box.get('[role=status]').text()).toBe('Copiado'))
    expect(box.get('code').text()).not.toContain('whsec_abc')
  })

  it('says so when it could not be copied', async () => {
    vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('denied'))
    const box = open()
    await box.findAll('button')[1]?.trigger('click')
    await vi.waitFor(() => expect(box.get('[role=status]').text()).toContain('à mão'))
  })

  it('tells when it may go', async () => {
    const box = open()
    await box.findAll('button').at(-1)?.trigger('click')
    expect(box.emitted('kept')).toHaveLength(1)
  })
})
