import { nextTick } from 'vue'
import { type RouteLocationNormalized, type Router, createRouter, createWebHistory } from 'vue-router'
import { text } from '../i18n/i18n'
import type { Session } from '../session/session'
import type { FluxAppOptions } from './navigation'

const NAMES = { banking: 'FluxiQ Banking', admin: 'FluxiQ Admin', merchant: 'FluxiQ Merchant' } as const

/** No page before `configured`: until then nobody knows where the API is. */
export function newRouter(options: FluxAppOptions, session: Session, configured: Promise<void>): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      ...options.routes,
      {
        path: '/login',
        component: () => import('../session/LoginPage.vue'),
        meta: { public: true, title: { 'pt-BR': 'Entrar', en: 'Sign in' } },
      },
      {
        path: '/:rest(.*)*',
        component: () => import('./NotFound.vue'),
        meta: { title: { 'pt-BR': 'Página não encontrada', en: 'Page not found' } },
      },
    ],
    scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  })

  router.beforeEach(async (to) => {
    await configured
    // Who cannot be asked yet is sent nowhere: the log-in page says that nobody answers.
    await session.restore().catch(() => undefined)
    return admitted(to, session)
  })
  router.afterEach((to, from) => {
    document.title = to.meta.title ? `${text(to.meta.title)} · ${NAMES[options.name]}` : NAMES[options.name]
    document.documentElement.dataset['page'] = to.path // for whoever looks from outside: this one is shown
    if (from.matched.length > 0 && from.path !== to.path) void nextTick(focusPage)
  })
  return router
}

function admitted(to: RouteLocationNormalized, { isSignedIn, mustChangePassword }: Session) {
  const isLogin = to.path === '/login'
  if (isSignedIn && !mustChangePassword) return isLogin ? nextOf(to) : true
  if (isLogin || (to.meta.public && !mustChangePassword)) return true
  return { path: '/login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
}

/** Where somebody wanted to go. A path of this app and nothing else: never another site. */
export function nextOf(to: RouteLocationNormalized): string {
  const next = to.query['next']
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/'
}

/** For screen readers, and so that Tab goes on in the new page. */
function focusPage(): void {
  if (document.activeElement?.closest('#page') === null) document.getElementById('page')?.focus({ preventScroll: true })
}
