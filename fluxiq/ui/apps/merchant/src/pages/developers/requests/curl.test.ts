import { describe, expect, it } from 'vitest'
import { curlOf } from './curl'

const API = 'https://api.example'

describe('a request as curl', () => {
  it('that reads needs the key only', () => {
    expect(curlOf({ method: 'GET', path: '/api/v1/accounts', idempotency_key: null }, API)).toBe(
      `curl -i 'https://api.example/api/v1/accounts' \\\n  -H "Authorization: Bearer $KEY"`,
    )
  })

  it('that writes has its idempotency key, and a body that is not kept', () => {
    const text = curlOf({ method: 'POST', path: '/api/v1/pix/payouts', idempotency_key: 'order-1' }, API)
    expect(text).toContain(`-X POST 'https://api.example/api/v1/pix/payouts'`)
    expect(text).toContain(`-H 'Idempotency-Key: order-1'`)
    expect(text).toContain('-d @body.json')
  })

  it('says to the shell what was said to the API, and nothing more', () => {
    const text = curlOf({ method: 'DELETE', path: `/a'; rm -rf $HOME; '`, idempotency_key: '`id`' }, API)
    expect(text).toContain(`'https://api.example/a'\\''; rm -rf $HOME; '\\'''`)
    expect(text).toContain(`'Idempotency-Key: \`id\`'`)
    expect(text).not.toContain('-d')
  })
})
