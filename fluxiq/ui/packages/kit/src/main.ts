import { VueQueryPlugin } from '@tanstack/vue-query'
import { createPinia } from 'pinia'
import { type App, createApp } from 'vue'
import { loadConfig } from './api/config'
import { newQueryClient } from './api/queries'
import { currentLocale, say, setLocale } from './i18n/i18n'
import { loadFailures } from './i18n/failures'
import { onMissed, startLive } from './live/live'
import { useSession } from './session/session'
import Root from './shell/Root.vue'
import { common } from './shell/common'
import { startHotkeys } from './shell/hotkeys'
import { AppOptions, type FluxAppOptions } from './shell/navigation'
import { newRouter } from './shell/router'
import { startTheme } from './shell/theme'
import { toast } from './shell/toast'
import { shellWords } from './shell/words'

export type { FluxAppOptions } from './shell/navigation'

/** Starts an app, and mounts it on `#app`: its sign at once, the page when it is known who asks. */
export function createFluxApp(options: FluxAppOptions): App {
  startTheme()
  setLocale(currentLocale.value)
  document.documentElement.dataset['app'] = options.name
  const app = assembled(options, loadConfig())
  app.mount('#app')
  return app
}

function assembled(options: FluxAppOptions, configured: Promise<void>): App {
  const app = createApp(Root)
  const queries = newQueryClient()
  app.provide(AppOptions, options)
  app.use(createPinia())
  app.use(VueQueryPlugin, { queryClient: queries })
  app.use(newRouter(options, useSession(), configured))
  for (const [name, component] of Object.entries(common)) app.component(name, component)
  app.config.errorHandler = (error) => {
    reportError(error)
    toast(say(shellWords, 'broken'), 'bad')
  }

  onMissed(() => void queries.invalidateQueries())
  startLive()
  startHotkeys()
  reloadWhenOutdated()
  void loadFailures()
  return app
}

/** A page that was opened before the last deployment asks for files that are no longer there. */
function reloadWhenOutdated(): void {
  const KEPT_AS = 'fluxiq-reloaded-at'
  window.addEventListener('vite:preloadError', (event) => {
    const before = Number(sessionStorage.getItem(KEPT_AS) ?? 0)
    if (Date.now() - before < 60_000) return
    event.preventDefault()
    sessionStorage.setItem(KEPT_AS, String(Date.now()))
    window.location.reload()
  })
}
