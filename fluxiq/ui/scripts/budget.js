// What a visitor downloads before the first page, and for each page, in gzip. Fails above the limits.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const SHELL_BYTES_MAX = 100_000
const PAGE_BYTES_MAX = 30_000

const apps = resolve(dirname(fileURLToPath(import.meta.url)), '../apps')
let failed = false

for (const app of readdirSync(apps)) {
  const dist = resolve(apps, app, 'dist')
  const manifest = JSON.parse(readFileSync(resolve(dist, '.vite/manifest.json'), 'utf8'))
  const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
  const shell = reached(manifest, entry)
  report(app, 'shell', size(dist, manifest, shell), SHELL_BYTES_MAX)

  for (const key of Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry)) {
    const own = [...reached(manifest, key)].filter((one) => !shell.has(one))
    report(app, key, size(dist, manifest, own), PAGE_BYTES_MAX)
  }
}
process.exit(failed ? 1 : 0)

/** The chunks that come along with `key`, itself among them, whatever is imported only later apart. */
function reached(manifest, key, found = new Set()) {
  if (!found.has(key)) {
    found.add(key)
    for (const one of manifest[key].imports ?? []) reached(manifest, one, found)
  }
  return found
}

function size(dist, manifest, keys) {
  const files = new Set()
  for (const key of keys) {
    files.add(manifest[key].file)
    for (const css of manifest[key].css ?? []) files.add(css)
  }
  let bytes = 0
  for (const file of files) bytes += gzipSync(readFileSync(resolve(dist, file))).length
  return bytes
}

function report(app, what, bytes, bytesMax) {
  const over = bytes > bytesMax
  failed ||= over
  if (over || what === 'shell' || process.argv.includes('--all')) {
    const kilobytes = (bytes / 1000).toFixed(1)
    console.log(`${over ? 'TOO BIG' : 'ok'}  ${app}  ${what}  ${kilobytes} kB gzip`)
  }
}
