// Every page of every app, on a phone and on a desk, in light and dark: it comes, it complains of
// nothing, axe finds no barrier, it needs no sideways scrolling. Pictures go to ../screenshots.
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RouteRecordRaw } from 'vue-router'
import { beforeAll, describe, expect, it } from 'vitest'
import { routes as admin } from '../apps/admin/src/routes'
import { routes as banking } from '../apps/banking/src/routes'
import { routes as merchant } from '../apps/merchant/src/routes'
import { barriers } from './support/axe'
import { type Screen, Visitor, withBrowser } from './support/browser'
import { examplesOf } from './support/examples'
import type { AppName } from './support/platform'
import { type Scene, playScene } from './support/scene'
import { login } from './support/world'

const SCREENSHOTS = resolve(dirname(fileURLToPath(import.meta.url)), '../screenshots')
const WIDTHS = [1280, 390]
const THEMES = ['light', 'dark'] as const
const APPS: Record<AppName, RouteRecordRaw[]> = { banking, admin, merchant }

withBrowser()
let scene: Scene
beforeAll(async () => {
  scene = await playScene()
}, 120_000)

for (const app of Object.keys(APPS) as AppName[]) {
  describe(app, () => {
    // Both themes at once: each is a process of the browser, and a machine has more than one core.
    it.each(WIDTHS)('comes whole at %i px, in light and dark', { timeout: 300_000, retry: 0 }, async (width) => {
      const problems = await Promise.all(THEMES.map((theme) => walk(app, { width, theme })))
      expect(problems.flat()).toEqual([])
    })
  })
}

/** Every page of an app after the other; what is wrong with them, a line each. */
async function walk(app: AppName, screen: Screen): Promise<string[]> {
  const { owner, chief } = login()
  const visitor = await Visitor.at(app, screen)
  await visitor.go('/login')
  const problems = await lookAt(visitor, app, '/login', screen)
  await visitor.logIn(app === 'admin' ? chief : owner)

  const examples = await examplesOf(scene)
  for (const route of APPS[app]) {
    const path = filled(route.path, examples)
    if (path !== null) problems.push(...(await walkTo(visitor, app, route.path, path, screen)))
  }
  await visitor.leave()
  return problems.map((problem) => `${screen.theme}: ${problem}`)
}

/** As a link would: the app stays, the page changes. */
async function walkTo(visitor: Visitor, app: AppName, template: string, path: string, screen: Screen): Promise<string[]> {
  await visitor.page.evaluate((to) => {
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate', { state: {} }))
  }, path)
  await visitor.page.waitForFunction((to) => document.documentElement.dataset.page === to, path, { timeout: 15_000 })
  return lookAt(visitor, app, template, screen)
}

async function lookAt(visitor: Visitor, app: AppName, template: string, screen: Screen): Promise<string[]> {
  await visitor.settled()
  const name = template === '/' ? 'home' : template.slice(1).replaceAll('/', '-').replaceAll(':', '')
  const folder = resolve(SCREENSHOTS, app, `${screen.width}-${screen.theme}`)
  mkdirSync(folder, { recursive: true })
  await visitor.page.screenshot({ path: resolve(folder, `${name}.png`), fullPage: screen.width < 600 })

  const problems = (await barriers(visitor.page)).map((one) => `${template}: ${one}`)
  const sideways = await visitor.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  if (sideways > 0) problems.push(`${template}: ${sideways} px wider than the screen`)
  const failed = await visitor.page.locator('main [data-state=failed]').allInnerTexts()
  return [...problems, ...failed.map((text) => `${template}: ${text}`)]
}

/** A template with the ids of the scene; null where the platform has none such, as `examples` says. */
function filled(template: string, examples: Record<string, string | null>): string | null {
  let isThere = true
  const path = template.replace(/:(\w+)/g, (_, parameter: string) => {
    const key = `${template.split('/:')[0]}/:${parameter}`
    const example = examples[key]
    if (example === undefined) throw new Error(`support/examples.ts has nothing for ${key}`)
    isThere &&= example !== null
    return example ?? ''
  })
  return isThere ? path : null
}
