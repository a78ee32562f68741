// How fast the apps come, and how smoothly the tree moves, drawn and as a list: figures, printed as
// JSON. No test: machines are shared. `npm run speed`; what they mean is in docs/apps.md.
import type { CDPSession, Page, WebSocketRoute } from 'playwright-core'
import { expect, it } from 'vitest'
import { Visitor, withBrowser } from './support/browser'
import type { AppName } from './support/platform'
import { login } from './support/world'

const NODES = 500
const PATCHES = 40
const PATCH_MILLISECONDS = 250
const CHANGED_A_PATCH = 50

withBrowser()

it('first paint of each app, milliseconds', async () => {
  const figures: Record<string, number> = {}
  for (const app of ['banking', 'admin', 'merchant'] as AppName[]) {
    const visitor = await Visitor.at(app)
    await visitor.go('/login')
    await visitor.page.locator('h1').first().waitFor()
    figures[app] = await visitor.page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    )
    await visitor.leave()
  }
  tell({ first_contentful_paint_milliseconds: figures })
})

it.each(['drawing', 'list'])(`a tree of ${NODES} nodes as a %s, patched four times a second`, async (view) => {
  const visitor = await Visitor.at('admin')
  const { page } = visitor
  const socket = await liveTree(page)
  await visitor.logIn(login().chief, `/tree?view=${view}`)
  await visitor.settled()
  await expect.poll(() => socket.route !== undefined).toBe(true)

  const nodes = treeOf(NODES)
  socket.say({ type: 'tree', topic: 'tree', revision: 1, nodes, closed_phases: [] })
  await page.locator('main [data-path]').nth(10).waitFor()
  await page.waitForTimeout(1000)
  await page.evaluate(recordFrames)
  const work = await Work.of(visitor)
  const before = await work.seconds()
  const started = performance.now()
  for (let number = 1; number <= PATCHES; number++) {
    const changed = pick(nodes, number).map((node) => ({ ...node, mailbox: number % 7, restarts: number, since: 0 }))
    socket.say({ type: 'tree_patch', topic: 'tree', before_revision: number, revision: number + 1, changed, removed: [], closed_phases: [] })
    await page.waitForTimeout(PATCH_MILLISECONDS)
  }
  const seconds = (performance.now() - started) / 1000
  const frames = await page.evaluate(() => (globalThis as unknown as { frames: number[] }).frames)
  const after = await work.seconds()
  frames.sort((a, b) => a - b)
  const aPatch = (name: keyof Seconds) => round(((after[name] - before[name]) / PATCHES) * 1000)
  tell({
    [`tree_${view}`]: {
      nodes: NODES,
      shown: await page.locator('main [data-path]').count(),
      patches: PATCHES,
      milliseconds_a_patch: { all: aPatch('TaskDuration'), script: aPatch('ScriptDuration'), style: aPatch('RecalcStyleDuration'), layout: aPatch('LayoutDuration') },
      main_thread_share: round((after.TaskDuration - before.TaskDuration) / seconds),
      frame_milliseconds_p50: round(frames[Math.floor(frames.length * 0.5)] ?? Number.NaN),
      frame_milliseconds_p99: round(frames[Math.floor(frames.length * 0.99)] ?? Number.NaN),
    },
  })
  await visitor.leave()
}, 120_000)

/** The live socket of a page, told by us. To be laid before the page is opened. */
async function liveTree(page: Page): Promise<{ route: WebSocketRoute | undefined; say: (message: object) => void }> {
  const live = { route: undefined as WebSocketRoute | undefined, say: (message: object) => live.route?.send(JSON.stringify(message)) }
  await page.routeWebSocket(/\/api\/v1\/ws/, (route) => {
    live.route = route
    route.onMessage((message) => {
      const said = JSON.parse(String(message))
      if (said.type === 'authenticate') live.say({ type: 'ready', topics: ['tree'], sequence: 0 })
      if (said.type === 'subscribe') live.say({ type: 'subscribed', topics: said.topics })
      if (said.type === 'ping') live.say({ type: 'pong' })
    })
  })
  return live
}

interface Node {
  path: string
  [field: string]: unknown
}

function treeOf(count: number): Node[] {
  const nodes = [node('root', 'supervisor')]
  for (let branch = 0; nodes.length < count; branch++) {
    nodes.push(node(`root/branch${branch}`, 'supervisor'))
    for (let leaf = 0; leaf < 20 && nodes.length < count; leaf++) nodes.push(node(`root/branch${branch}/leaf${leaf}`, 'actor'))
  }
  return nodes
}

function node(path: string, kind: string): Node {
  const name = path.split('/').at(-1)
  return {
    path, id: name, name, kind, state: 'running', since: 100, due: null, reason: '', restart: 'permanent', restarts: 0,
    incarnation: 1, last_exit: null, strategy: kind === 'supervisor' ? 'one_for_one' : null, max_restarts: 3, max_seconds: 60,
    suspended: false, mailbox: kind === 'actor' ? 0 : null, handled: kind === 'actor' ? 10 : null, facts: {},
  }
}

function pick(nodes: Node[], number: number): Node[] {
  return Array.from({ length: CHANGED_A_PATCH }, (_, one) => nodes[(number * 37 + one * 11) % nodes.length]!)
}

/** In the page: the milliseconds between each two frames. */
function recordFrames(): void {
  const frames: number[] = []
  let last = performance.now()
  const next = (now: number) => {
    frames.push(now - last)
    last = now
    requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
  Object.assign(globalThis, { frames })
}

type Seconds = Record<'TaskDuration' | 'ScriptDuration' | 'RecalcStyleDuration' | 'LayoutDuration', number>

/** What the main thread of a page has done so far, as the browser counts it. */
class Work {
  private constructor(private readonly browser: CDPSession) {}

  static async of({ context, page }: Visitor): Promise<Work> {
    const browser = await context.newCDPSession(page)
    await browser.send('Performance.enable')
    return new Work(browser)
  }

  async seconds(): Promise<Seconds> {
    const { metrics } = await this.browser.send('Performance.getMetrics')
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value])) as Seconds
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function tell(figures: object): void {
  console.log(JSON.stringify(figures))
}
