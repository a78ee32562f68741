// How fast the apps come, and how smoothly the tree moves: figures, printed as JSON. No test: machines
// are shared. `npm run speed` in this folder.
import { performance } from 'node:perf_hooks'
import type { WebSocketRoute } from 'playwright-core'
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

it(`a tree of ${NODES} nodes, patched four times a second`, async () => {
  const visitor = await Visitor.at('admin')
  let socket: WebSocketRoute | undefined
  await visitor.page.routeWebSocket(/\/api\/v1\/ws/, (route) => {
    socket = route
    route.onMessage((message) => {
      const said = JSON.parse(String(message))
      if (said.type === 'authenticate') route.send(JSON.stringify({ type: 'ready', topics: ['tree'], sequence: 0 }))
      if (said.type === 'subscribe') route.send(JSON.stringify({ type: 'subscribed', topics: said.topics }))
      if (said.type === 'ping') route.send(JSON.stringify({ type: 'pong' }))
    })
  })
  await visitor.logIn(login().chief, '/tree')
  await visitor.settled()
  await expect.poll(() => socket !== undefined).toBe(true)

  const nodes = treeOf(NODES)
  socket!.send(JSON.stringify({ type: 'tree', topic: 'tree', revision: 1, nodes, closed_phases: [] }))
  await visitor.page.waitForTimeout(1000)
  await visitor.page.evaluate(recordFrames)
  const cdp = await visitor.context.newCDPSession(visitor.page)
  await cdp.send('Performance.enable')
  const before = await busySeconds(cdp)
  const started = performance.now()
  for (let number = 1; number <= PATCHES; number++) {
    const changed = pick(nodes, number).map((node) => ({ ...node, mailbox: number % 7, restarts: number, since: 0 }))
    const patch = { type: 'tree_patch', topic: 'tree', before_revision: number, revision: number + 1, changed, removed: [], closed_phases: [] }
    socket!.send(JSON.stringify(patch))
    await visitor.page.waitForTimeout(PATCH_MILLISECONDS)
  }
  const seconds = (performance.now() - started) / 1000
  const frames = await visitor.page.evaluate(() => (globalThis as unknown as { frames: number[] }).frames)
  const busy = (await busySeconds(cdp)) - before
  frames.sort((a, b) => a - b)
  tell({
    tree: {
      nodes: NODES,
      patches: PATCHES,
      main_thread_milliseconds_a_patch: round((busy / PATCHES) * 1000),
      main_thread_share: round(busy / seconds),
      frame_milliseconds_p50: round(frames[Math.floor(frames.length * 0.5)] ?? Number.NaN),
      frame_milliseconds_p99: round(frames[Math.floor(frames.length * 0.99)] ?? Number.NaN),
    },
  })
  await visitor.leave()
}, 120_000)

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

async function busySeconds(cdp: { send: (method: 'Performance.getMetrics') => Promise<{ metrics: { name: string; value: number }[] }> }): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics')
  return metrics.find((one) => one.name === 'TaskDuration')?.value ?? Number.NaN
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function tell(figures: object): void {
  console.log(JSON.stringify(figures))
}
