import type { RequestLine } from '../records'

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])

type Asked = Pick<RequestLine, 'method' | 'path' | 'idempotency_key'>

/**
 * The same request for a shell. The key is the reader's to fill in, and so is the body: neither is
 * kept. The idempotency key is: what moved money once does not move it again by being tried here.
 */
export function curlOf({ method, path, idempotency_key }: Asked, origin: string): string {
  const lines = [`curl -i ${method === 'GET' ? '' : `-X ${method} `}${quoted(origin + path)}`, `-H "Authorization: Bearer $KEY"`]
  if (idempotency_key !== null) lines.push(`-H ${quoted(`Idempotency-Key: ${idempotency_key}`)}`)
  if (WITH_BODY.has(method)) lines.push(`-H 'Content-Type: application/json'`, '-d @body.json')
  return lines.join(' \\\n  ')
}

/** As a POSIX shell takes it literally, whatever somebody wrote into a path or a key. */
function quoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`
}
