// The types of the API, made of its own document: `python run.py openapi` prints it without starting
// anything. PYTHON names the interpreter; else the checkout's own environment, if there is one.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'

const ui = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const root = resolve(ui, '../..')
const own = resolve(root, '.venv/bin/python')
const python = process.env.PYTHON ?? (existsSync(own) ? own : 'python3')
const target = resolve(ui, 'packages/kit/src/api/schema.d.ts')

const printed = execFileSync(python, ['run.py', 'openapi'], {
  cwd: root,
  maxBuffer: 64 * 1024 * 1024,
})
// What has a default may be left out by who sends it.
const types = await openapiTS(printed.toString(), { defaultNonNullable: false })
mkdirSync(dirname(target), { recursive: true })
writeFileSync(target, astToString(types))
