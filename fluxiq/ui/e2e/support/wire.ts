// What goes wrong between a page and the API: nobody answers, late, or nonsense; the live socket is cut.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page, Request, Route, WebSocketRoute } from 'playwright-core'

const API = (url: URL) => url.pathname.startsWith('/api/v1/')

/** How each call of the API fares from now on; returns the end of it. */
async function wire(page: Page, fare: (route: Route) => Promise<void>): Promise<() => Promise<void>> {
  await page.route(API, fare)
  return () => page.unroute(API, fare)
}

/** Answers of another origin are read only with these. */
const open = (request: Request) => ({
  'Access-Control-Allow-Origin': request.headers()['origin'] ?? '*',
  'Access-Control-Allow-Credentials': 'true',
  'Access-Control-Expose-Headers': 'X-Request-Id',
})

export const Wire = {
  gone: (page: Page) => wire(page, (route) => route.abort('connectionrefused')),

  slow: (page: Page, ms: number) =>
    wire(page, async (route) => {
      await sleep(ms)
      await route.continue()
    }),

  broken: (page: Page, requestId: string) =>
    wire(page, (route) =>
      route.fulfill({
        status: 500,
        headers: open(route.request()),
        json: { error: { code: 'internal_error', message: 'Broken.' }, meta: { request_id: requestId } },
      }),
    ),

  /** A page of whatever stands in front of the API, with a status that says all is well. */
  garbage: (page: Page) =>
    wire(page, (route) =>
      route.fulfill({
        headers: { ...open(route.request()), 'Content-Type': 'text/html' },
        body: '<h1>It works!</h1>',
      }),
    ),
}

/** The first such order arrives, and its answer does not. */
export async function loseFirstAnswer(page: Page, method: string, path: string): Promise<void> {
  let isLost = false
  await page.route(
    (url) => url.pathname === path,
    async (route) => {
      if (isLost || route.request().method() !== method) return route.continue()
      isLost = true
      await route.fetch()
      await route.abort('connectionreset')
    },
  )
}

/** The live socket of a page, with a hand on the cable. To be laid before the page is opened. */
export class Cable {
  private readonly open = new Set<WebSocketRoute>()
  private isCut = false
  /** What each connection asked for, in its address. */
  readonly asked: string[] = []

  static async layTo(page: Page): Promise<Cable> {
    const cable = new Cable()
    await page.routeWebSocket(
      (url) => url.pathname === '/api/v1/ws',
      (socket) => cable.plug(socket),
    )
    return cable
  }

  async cut(): Promise<void> {
    this.isCut = true
    for (const socket of this.open) await socket.close({ code: 4000 })
    this.open.clear()
  }

  mend(): void {
    this.isCut = false
  }

  private plug(socket: WebSocketRoute): void {
    if (this.isCut) return void socket.close({ code: 4000 })
    this.asked.push(new URL(socket.url()).search)
    this.open.add(socket)
    socket.connectToServer()
  }
}
