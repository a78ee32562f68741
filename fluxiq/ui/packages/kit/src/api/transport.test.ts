import { afterEach, describe, expect, it, vi } from 'vitest'
import { jsonAnswer, refusal } from '../testing'
import { setApiBase } from './config'
import { ApiFailure } from './failure'
import { DEADLINE_MS, Draft, send } from './transport'

const READ = new Draft('/api/v1/accounts')
const DEED = new Draft('/api/v1/pix/payouts', { method: 'POST', body: '{}', headers: { 'Idempotency-Key': 'k' } })

afterEach(() => {
  setApiBase('')
  vi.useRealTimers()
})

function answering(answer: () => Response | Promise<Response>) {
  const fetched = vi.fn(async (_url: string, _init: RequestInit) => answer())
  vi.stubGlobal('fetch', fetched)
  return fetched
}

async function failureOf(draft: Draft): Promise<ApiFailure> {
  const failure = await send(draft).then(
    () => null,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(ApiFailure)
  return failure as ApiFailure
}

describe('a call', () => {
  it('goes to where the configuration says the API is', async () => {
    setApiBase('https://api.test/')
    const fetched = answering(() => jsonAnswer({ data: 1 }))
    expect(await (await send(READ)).json()).toEqual({ data: 1 })
    expect(fetched.mock.calls[0]![0]).toBe('https://api.test/api/v1/accounts')
  })

  it('that is refused says with which code, for which field and under which request', async () => {
    answering(() => refusal(422, 'invalid_amount', 'one centavo or more', { field: 'amount' }))
    expect(await failureOf(DEED)).toMatchObject({
      status: 422,
      code: 'invalid_amount',
      field: 'amount',
      requestId: 'req_test',
      isRetryable: false,
      isUnknown: false,
    })
  })

  it.each([
    ['a page of a portal', () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } })],
    ['JSON that is cut', () => new Response('{"data": [', { headers: { 'Content-Type': 'application/json' } })],
    ['a page of a proxy', () => new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } })],
    ['JSON of somebody else', () => jsonAnswer({ error: 'nope' }, 500)],
  ])('answered with garbage, %s, is a failure that may be tried again', async (_, answer) => {
    answering(answer)
    expect(await failureOf(READ)).toMatchObject({ code: 'garbage', isRetryable: true, isUnknown: false })
    expect(await failureOf(DEED)).toMatchObject({ code: 'garbage', isUnknown: true })
  })

  it('of a file gives the file', async () => {
    answering(() => new Response('a;b', { headers: { 'Content-Type': 'text/csv; charset=utf-8' } }))
    expect(await (await send(READ)).text()).toBe('a;b')
  })

  it('that nobody answers is unknown when it moves money, and only then', async () => {
    answering(() => Promise.reject(new TypeError('Failed to fetch')))
    expect(await failureOf(READ)).toMatchObject({ status: null, code: 'unreachable', isUnknown: false })
    expect(await failureOf(DEED)).toMatchObject({ code: 'unreachable', isUnknown: true })
  })

  it('ends at its deadline, however slowly the answer drips', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort())
    answering(() => Promise.reject(new DOMException('', 'TimeoutError')))
    expect(await failureOf(DEED)).toMatchObject({ code: 'timeout', isUnknown: true })
    expect(timeout).toHaveBeenCalledWith(DEADLINE_MS)
  })

  it('that the page itself gave up is no failure of the API', async () => {
    const given = AbortSignal.abort()
    answering(() => Promise.reject(new DOMException('', 'AbortError')))
    await expect(send(new Draft('/x', { signal: given }))).rejects.toBeInstanceOf(DOMException)
  })
})

describe('whether money may have moved', () => {
  it.each([
    [503, 'outcome_unknown', true],
    [500, 'internal_error', true],
    [409, 'idempotency_in_progress', true],
    [503, 'unavailable', false],
    [503, 'ledger_degraded', false],
    [422, 'insufficient_funds', false],
    [429, 'rate_limited', false],
  ])('after %i %s: %s', async (status, code, isUnknown) => {
    answering(() => refusal(status, code))
    expect((await failureOf(DEED)).isUnknown).toBe(isUnknown)
  })
})
