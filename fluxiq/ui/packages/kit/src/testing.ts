/**
 * For tests of pages: a page with everything around it that it may ask for, somebody signed in, and
 * an API of canned answers.
 */
import { VueQueryPlugin } from '@tanstack/vue-query'
import { type VueWrapper, flushPromises, mount } from '@vue/test-utils'
import { createPinia, getActivePinia, setActivePinia } from 'pinia'
import type { Component } from 'vue'
import { type RouteRecordRaw, createMemoryHistory, createRouter } from 'vue-router'
import { vi } from 'vitest'
import { newQueryClient } from './api/queries'
import { setLocale } from './i18n/i18n'
import { useSession } from './session/session'
import { adopt, forget } from './session/tokens'

export interface Asked {
  method: string
  path: string
  query: URLSearchParams
  headers: Headers
  body: unknown
}

/** A body, answered with 200, or a function of what was asked. */
export type Answer = object | ((asked: Asked) => Response | object | Promise<Response | object>)

export interface FakeApi {
  /** Everything that was asked, in order. */
  asked: Asked[]
  /** Answers by `METHOD /path`, with `*` for one segment; later ones win. */
  answer: (what: string, answer: Answer) => void
}

/** Takes the place of `fetch`. What nobody foresaw is answered with 404, as by the API. */
export function fakeApi(answers: Record<string, Answer> = {}): FakeApi {
  const asked: Asked[] = []
  const known = new Map(Object.entries(answers))

  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    const { pathname, searchParams } = new URL(url, 'http://api.test')
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : undefined
    const one = { method: init.method ?? 'GET', path: pathname, query: searchParams, headers: new Headers(init.headers), body }
    // Of the session's own doing, which no page asks for.
    if (pathname === '/api/v1/auth/me' && !known.has('GET /api/v1/auth/me')) return jsonAnswer({ data: { name: 'Ana Lima' } })
    asked.push(one)
    const found = [...known].reverse().find(([what]) => fits(what, `${one.method} ${one.path}`))?.[1]
    if (found === undefined) return refusal(404, 'route_not_found', one.path)
    const said = typeof found === 'function' ? await found(one) : found
    return said instanceof Response ? said : jsonAnswer(said)
  })
  return { asked, answer: (what, answer) => void known.set(what, answer) }
}

export function jsonAnswer(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
}

/** As the API refuses. */
export function refusal(status: number, code: string, message: string = code, details: object = {}): Response {
  return jsonAnswer({ error: { code, message, details }, meta: { request_id: 'req_test' } }, status)
}

/** An access token as the API makes them, signed by nobody. */
export function testToken(claims: Record<string, unknown> = {}): string {
  const payload = {
    sub: 'usr_test',
    sid: 'ses_test',
    ispb: '12345678',
    roles: ['owner'],
    permissions: ['*'],
    merchant_id: 'mch_test',
    ...claims,
  }
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  return `${part({ alg: 'EdDSA', typ: 'at+jwt' })}.${part(payload)}.c2ln`
}

export interface MountOptions {
  props?: Record<string, unknown>
  /** Where the page is, such as `/charges/chg_1`, and its route: `/charges/:id`. */
  at?: string
  path?: string
  /** Other places that it links to. */
  routes?: RouteRecordRaw[]
  claims?: Record<string, unknown>
  locale?: 'pt-BR' | 'en'
  slots?: Record<string, string>
}

/** The page, in the document and loaded, as somebody who is signed in sees it. */
export async function mountPage(page: Component, options: MountOptions = {}): Promise<VueWrapper> {
  setLocale(options.locale ?? 'pt-BR')
  if (getActivePinia()) useSession().$dispose()
  const pinia = createPinia()
  setActivePinia(pinia)
  useSession()
  adopt({ access_token: testToken(options.claims), expires_in: 900 })

  const nowhere = { template: '<div />' }
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: options.path ?? '/page', component: nowhere },
      ...(options.routes ?? []),
      { path: '/:rest(.*)*', component: nowhere },
    ],
  })
  await router.push(options.at ?? '/page')

  const queryClient = newQueryClient()
  queryClient.setDefaultOptions({ queries: { retry: false } })
  const wrapper = mount(page, {
    props: options.props ?? {},
    slots: options.slots ?? {},
    attachTo: document.body,
    global: { plugins: [pinia, router, [VueQueryPlugin, { queryClient }]] },
  })
  await settled()
  return wrapper
}

/** Until what was asked is answered and shown. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) {
    await flushPromises()
    await vi.dynamicImportSettled()
    await new Promise((resolve) => setTimeout(resolve))
  }
}

/** Nobody is signed in any more. */
export function signOut(): void {
  forget()
}

function fits(what: string, asked: string): boolean {
  const pattern = what.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '[^/ ]+')
  return new RegExp(`^${pattern}$`).test(asked)
}
