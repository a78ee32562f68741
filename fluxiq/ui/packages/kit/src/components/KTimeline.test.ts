import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { setLocale } from '../i18n/i18n'
import KTimeline from './KTimeline.vue'

beforeEach(() => setLocale('pt-BR'))

const steps = [
  { title: 'Recebido', at: '2026-11-27T12:00:00Z', state: 'done' as const },
  { title: 'Enviado', state: 'now' as const, text: 'Esperando o banco.' },
  { title: 'Confirmado', state: 'wait' as const },
]

describe('KTimeline', () => {
  it('says the state of each step, not only draws it', () => {
    const said = mount(KTimeline, { props: { steps } }).findAll('[role=img]').map((icon) => icon.attributes('aria-label'))
    expect(said).toEqual(['feito', 'em andamento', 'ainda não'])
  })

  it('marks where it stands', () => {
    const items = mount(KTimeline, { props: { steps } }).findAll('li')
    expect(items.map((item) => item.attributes('aria-current'))).toEqual([undefined, 'step', undefined])
  })

  it('gives the moment of a step for machines too, and none where there was none', () => {
    const times = mount(KTimeline, { props: { steps } }).findAll('time').map((time) => time.attributes('datetime'))
    expect(times).toEqual(['2026-11-27T12:00:00Z'])
  })

  it('says what failed', () => {
    const failed = mount(KTimeline, { props: { steps: [{ title: 'Enviado', state: 'failed', text: 'Conta encerrada.' }] } })
    expect(failed.get('[role=img]').attributes('aria-label')).toBe('não deu certo')
    expect(failed.text()).toContain('Conta encerrada.')
  })
})
