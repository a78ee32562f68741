// Visitors of the apps: a browser each test file, a context (cookies, storage) each visitor.
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { places } from './places'
import type { AppName, Person } from './platform'

export interface Screen {
  width: number
  theme: 'light' | 'dark'
}

export const DESK: Screen = { width: 1280, theme: 'light' }

/** A page that shows nothing new for so long will not. */
const WAIT_MILLISECONDS_MAX = 15_000

/** What visitors saw last in tests that failed. */
const FAILURES = resolve(dirname(fileURLToPath(import.meta.url)), '../../screenshots/failures')

let browser: Browser
let visitors = 0

/** In every file that visits. */
export function withBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.FLUXIQ_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
  })
  afterAll(() => browser.close())
}

/** Somebody at the door of an app; what the page complains of fails the test at `leave`. */
export class Visitor {
  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly complaints: string[],
    private readonly origin: string,
  ) {}

  static async at(app: AppName, screen: Screen = DESK): Promise<Visitor> {
    const context = await browser.newContext({
      viewport: { width: screen.width, height: screen.width < 600 ? 844 : 800 },
      colorScheme: screen.theme,
      reducedMotion: 'reduce',
      locale: 'pt-BR',
      timezoneId: 'America/Sao_Paulo',
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    const page = await context.newPage()
    page.setDefaultTimeout(WAIT_MILLISECONDS_MAX)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      // Refusals of the API are told by the page; a browser prints each one as well.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        complaints.push(message.text())
      }
    })
    const number = (visitors += 1)
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') await picture(page, `${number}: ${task.name} (${app})`)
      await context.close()
    })
    return new Visitor(context, page, complaints, places().apps[app])
  }

  async go(path: string): Promise<void> {
    await this.page.goto(`${this.origin}${path}`)
  }

  /** Says who they are, at the door of a page; what comes then is another matter. */
  async knock({ document, password }: Person, path = '/'): Promise<void> {
    await this.go(path)
    await this.page.locator('input[name=document]').fill(document)
    await this.page.locator('input[name=password]').fill(password)
    await this.page.locator('button[type=submit]').click()
  }

  /** Logs in, and waits for the first page. */
  async logIn(person: Person, path = '/'): Promise<this> {
    await this.knock(person, path)
    await this.page.locator('nav').first().waitFor({ state: 'attached' })
    return this
  }

  /** What the page shows the API, as of its latest call. Asked for before the first one. */
  lastToken(): () => string {
    let token = ''
    this.page.on('request', (request) => {
      const shown = request.headers()['authorization']
      if (shown?.startsWith('Bearer ')) token = shown.slice('Bearer '.length)
    })
    return () => token
  }

  /** The page shows nothing that is still being fetched. */
  async settled(): Promise<void> {
    await this.page.locator('h1').first().waitFor()
    await this.page.waitForFunction(() => document.querySelector('main [aria-busy=true], main [data-state=loading]') === null, undefined, {
      timeout: 15_000,
    })
  }

  async leave(): Promise<void> {
    await this.context.close()
    expect(this.complaints).toEqual([])
  }
}

async function picture(page: Page, name: string): Promise<void> {
  if (page.isClosed()) return
  mkdirSync(FAILURES, { recursive: true })
  const file = name.replace(/[^\p{L}\p{N}]+/gu, '-')
  await page.screenshot({ path: resolve(FAILURES, `${file}.png`) })
}
