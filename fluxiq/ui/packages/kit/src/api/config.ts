/** Where the API is: what the file beside the page says, so that one build serves every place. */
let base = ''

export function setApiBase(url: string): void {
  base = url.replace(/\/+$/, '')
}

/** Reads `/config.json`. A page without one belongs to the API's own host. */
export async function loadConfig(): Promise<void> {
  const answer = await fetch('/config.json', { cache: 'no-cache' })
  if (!answer.ok) {
    if (answer.status === 404) return setApiBase('')
    throw new Error(`config.json: ${answer.status}`)
  }
  const config: unknown = await answer.json()
  if (typeof config !== 'object' || config === null || !('api' in config) || typeof config.api !== 'string') {
    throw new Error('config.json names no api')
  }
  setApiBase(config.api)
}

export function apiUrl(path: string): string {
  return base + path
}

/** The address of a websocket of the API: `wss:` where the API is `https:`. */
export function socketUrl(path: string): string {
  const url = new URL(base + path, window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
