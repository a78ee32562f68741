import { describe, expect, it } from 'vitest'
import type { RouteLocationNormalized } from 'vue-router'
import { found } from './found'
import { type NavigationGroup, navigationFor } from './navigation'
import { nextOf } from './router'
import { dismiss, toast, toasts } from './toast'

const both = (title: string) => ({ 'pt-BR': title, en: title })

describe('the palette', () => {
  const pages = ['Extrato', 'Enviar Pix', 'Início', 'Exportar extrato'].map((title) => ({ title }))

  it.each([
    ['ini', ['Início']],
    ['INÍ', ['Início']],
    ['extrato', ['Extrato', 'Exportar extrato']],
    ['ext exp', ['Exportar extrato']],
    ['zebra', []],
    ['', ['Extrato', 'Enviar Pix', 'Início', 'Exportar extrato']],
  ])('finds by what somebody typed: %s', (asked, titles) => {
    expect(found(pages, asked).map(({ title }) => title)).toEqual(titles)
  })
})

describe('the navigation', () => {
  it('shows nobody what they may not see, nor a group of nothing', () => {
    const groups: NavigationGroup[] = [
      { title: both('A'), items: [{ to: '/a', title: both('a'), icon: 'home' }] },
      { title: both('B'), items: [{ to: '/b', title: both('b'), icon: 'home', permission: 'audit:read' }] },
    ]
    expect(navigationFor(groups, () => false).map(({ items }) => items.map(({ to }) => to))).toEqual([['/a']])
    expect(navigationFor(groups, () => true)).toHaveLength(2)
  })
})

describe('the way on after a log-in', () => {
  it.each([
    ['/charges?page=2', '/charges?page=2'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['/login?next=/login', '/'],
    [undefined, '/'],
    [['/a', '/b'], '/'],
  ])('is within the app: %s', (next, path) => {
    expect(nextOf({ query: { next } } as unknown as RouteLocationNormalized)).toBe(path)
  })
})

describe('toasts', () => {
  it('are few, and the same is said once', () => {
    for (const text of ['a', 'b', 'c', 'd', 'd', 'e']) toast(text)
    expect(toasts.value.map(({ text }) => text)).toEqual(['b', 'c', 'd', 'e'])
    for (const { id } of toasts.value) dismiss(id)
    expect(toasts.value).toEqual([])
  })
})
