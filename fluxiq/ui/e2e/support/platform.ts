// A whole platform in a process of its own, on free ports and in a folder that is gone afterwards.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..')
const START_MILLISECONDS_MAX = 90_000
const STOP_MILLISECONDS_MAX = 60_000

export interface Person {
  document: string
  password: string
}

/** A demo merchant: its API key, its owner, and the owner of its institution. */
export interface Login {
  ispb: string
  merchant_id: string
  account_id: string
  pix_key: string
  api_key: string
  owner: Person
  chief: Person
}

export type AppName = 'banking' | 'admin' | 'merchant'

export interface Places {
  api: string
  simulator: string
  apps: Record<AppName, string>
  logins: Login[]
  /** The platform's data directory. */
  data: string
}

export class Platform {
  readonly folder = mkdtempSync(join(tmpdir(), 'fluxiq-e2e-'))
  private process: ChildProcess | undefined

  /** What is said beside SETTINGS, as variables of the environment. */
  constructor(private readonly settings: Record<string, string> = {}) {}

  /** Returns where everything is, once it is ready. */
  async start(): Promise<Places> {
    const log = openSync(this.log, 'a')
    this.process = spawn(python(), ['run.py', 'up'], {
      cwd: ROOT,
      env: { ...process.env, ...SETTINGS, ...this.settings, FLUXIQ_DATA_DIR: this.data },
      stdio: ['ignore', log, log],
    })
    const deadline = Date.now() + START_MILLISECONDS_MAX
    for (;;) {
      const places = this.look()
      if (places !== undefined && (await isReady(places.api))) return places
      if (this.process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the platform is not up: ${readFileSync(this.log, 'utf8').slice(-4000)}`)
      }
      await sleep(100)
    }
  }

  async stop(): Promise<void> {
    const process = this.process
    if (process !== undefined && process.exitCode === null) {
      const ended = new Promise((resolve) => process.once('exit', resolve))
      process.kill('SIGINT')
      const late = setTimeout(() => process.kill('SIGKILL'), STOP_MILLISECONDS_MAX)
      await ended
      clearTimeout(late)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  private get data(): string {
    return join(this.folder, 'data')
  }

  private get log(): string {
    return join(this.folder, 'platform.log')
  }

  private look(): Places | undefined {
    const [addresses, logins] = [join(this.data, 'run/platform.json'), join(this.data, 'secrets/demo.json')]
    if (!existsSync(addresses) || !existsSync(logins)) return undefined
    const { api, simulator, apps } = JSON.parse(readFileSync(addresses, 'utf8'))
    const found: Login[] = JSON.parse(readFileSync(logins, 'utf8'))
    return found.length === 2 ? { api, simulator, apps, logins: found, data: this.data } : undefined
  }
}

/** The Python that the platform runs with. */
export function python(): string {
  const own = resolve(ROOT, '.venv/bin/python')
  return process.env.PYTHON ?? (existsSync(own) ? own : 'python3')
}

const SETTINGS = {
  FLUXIQ_HTTP__PORT: '0',
  FLUXIQ_SIMULATOR__PORT: '0',
  FLUXIQ_WEB__BANKING_PORT: '0',
  FLUXIQ_WEB__ADMIN_PORT: '0',
  FLUXIQ_WEB__MERCHANT_PORT: '0',
  FLUXIQ_LOG__FORMAT: 'json',
  // What is younger is not compared: no journey waits five minutes.
  FLUXIQ_RECONCILIATION__MARGIN_SECONDS: '1',
}

async function isReady(api: string): Promise<boolean> {
  try {
    return (await fetch(`${api}/readyz`)).ok
  } catch {
    return false
  }
}
