// Visitors of the apps: a browser each test file, a context (cookies, storage) each visitor.
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import type { AppName, Person } from './platform'

export interface Screen {
  width: number
  theme: 'light' | 'dark'
}

export const DESK: Screen = { width: 1280, theme: 'light' }

let browser: Browser

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
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      // Refusals of the API are told by the page; a browser prints each one as well.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        complaints.push(message.text())
      }
    })
    return new Visitor(context, page, complaints, inject('places').apps[app])
  }

  async go(path: string): Promise<void> {
    await this.page.goto(`${this.origin}${path}`)
  }

  /** Logs in, and waits for the first page. */
  async logIn(person: Person, path = '/'): Promise<this> {
    await this.go(path)
    await this.page.locator('input[name=document]').fill(person.document)
    await this.page.locator('input[name=password]').fill(person.password)
    await this.page.locator('button[type=submit]').click()
    await this.page.locator('nav').first().waitFor({ state: 'attached' })
    return this
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
