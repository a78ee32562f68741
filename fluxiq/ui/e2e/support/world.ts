// What happens beside the browser: money that comes and goes, as a merchant's program would have it.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { places } from './places'
import type { Login } from './platform'

export function login(index = 0): Login {
  return places().logins[index]!
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are read by tests that know them
export type Json = any

/** One call of the API with a demo merchant's key. Throws what it refused. */
export async function call(method: string, path: string, body?: object, who: Login = login()): Promise<Json> {
  const answer = await fetch(`${places().api}/api/v1${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${who.api_key}`,
      'Content-Type': 'application/json',
      ...(method === 'POST' && { 'Idempotency-Key': randomUUID() }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text).data
}

/** Somebody outside pays a code. */
export async function pay(brCode: string, who: Login = login(), amount?: number): Promise<void> {
  const answer = await fetch(`${places().simulator}/pay`, {
    method: 'POST',
    body: JSON.stringify({ ispb: who.ispb, br_code: brCode, ...(amount && { amount }) }),
  })
  if (!answer.ok) throw new Error(`the simulator: ${answer.status} ${await answer.text()}`)
}

/** From now on the provider's statement says another amount of what has this end-to-end id; null: the truth again. */
export async function falsifyStatement(endToEndId: string, amount: number | null, who: Login = login()): Promise<void> {
  const falsehood = { ispb: who.ispb, id: endToEndId, fault: amount === null ? 'none' : 'amount', amount: amount ?? 1 }
  const answer = await fetch(`${places().simulator}/statement-faults`, { method: 'POST', body: JSON.stringify(falsehood) })
  if (!answer.ok) throw new Error(`the simulator: ${answer.status} ${await answer.text()}`)
}

/** A charge that somebody has paid. */
export async function paidCharge(amount: number, who: Login = login()): Promise<Json> {
  const charge = await call('POST', '/pix/charges', { amount, description: 'Dois cafés e um livro' }, who)
  await pay(charge.qr_code, who)
  return until(() => call('GET', `/pix/charges/${charge.id}`, undefined, who), (one) => one.status === 'paid')
}

export async function payout(amount: number, pixKey = 'confirmed@simulator.example', who: Login = login()): Promise<Json> {
  return call('POST', '/pix/payouts', { amount, description: 'Aluguel', recipient: { pix_key: pixKey } }, who)
}

/** An account of its own with so much in it: what one journey spends is missed by no other. */
export async function purse(amount: number, who: Login = login()): Promise<string> {
  await paidCharge(amount, who)
  const account = await call('POST', '/accounts', { name: 'Caixa da loja', product_id: 'prod_pix_settlement' }, who)
  await call('POST', '/transfers', {
    source_account_id: who.account_id,
    destination_account_id: account.id,
    amount,
  }, who)
  return account.id
}

/** The payments that bear this description: to count how often money left. */
export async function payoutsCalled(description: string, who: Login = login()): Promise<Json[]> {
  const newest: Json[] = await call('GET', '/pix/payouts?per_page=50', undefined, who)
  return newest.filter((one) => one.description === description)
}

/** Asks again until the answer is as wanted. */
export async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (isSo(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not so after ${seconds} s: ${JSON.stringify(answer)}`)
    await sleep(150)
  }
}
