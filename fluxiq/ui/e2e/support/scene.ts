// A platform that has been lived in for a minute, so that pages have something to show.
import { Caller } from './people'
import { type Json, call, login, paidCharge, payout, until } from './world'

export interface Scene {
  charge: Json
  payout: Json
  refund: Json
  transfer: Json
  webhook: Json
  batch: Json
  apiKey: Json
  receivedId: string
}

const KEYS = ['confirmed', 'confirmed', 'rejected-ac03', 'returned', 'slow']

export async function playScene(): Promise<Scene> {
  const who = login()
  const chief = await Caller.signedIn(who.chief)
  const fee = { fixed: 10, basis_points: 99, maximum: 5_00, reason: 'Contrato 17' }
  await chief.call('PUT', `/institution/merchants/${who.merchant_id}/fees`, fee)
  const webhook = await call('POST', '/webhooks', { url: 'http://127.0.0.1:9/webhooks' })
  const charge = await paidCharge(450_00)
  for (const amount of [12_90, 89_00, 1_250_00]) await paidCharge(amount)
  await call('POST', '/pix/charges', { amount: 35_00, description: 'Caderno de capa dura' })

  const sent: Json[] = []
  for (const [number, key] of KEYS.entries()) sent.push(await payout(20_00 + number * 7_35, `${key}@simulator.example`))
  await call('POST', '/pix/payouts', {
    amount: 300_00,
    description: 'Fornecedor de café',
    recipient: { pix_key: 'confirmed@simulator.example' },
    scheduled_for: new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10),
  })
  const refund = await call('POST', '/pix/refunds', { charge_id: charge.id, amount: 50_00, description: 'Um livro voltou' })

  const reserve = await call('POST', '/accounts', { name: 'Reserva', product_id: 'prod_pix_settlement' })
  const transfer = await call('POST', '/transfers', {
    source_account_id: who.account_id,
    destination_account_id: reserve.id,
    amount: 200_00,
    description: 'Para a reserva',
  })
  const batch = await call('POST', '/pix/payout-batches', {
    name: 'Salários de novembro',
    lines: ['confirmed', 'rejected-ac03', 'confirmed'].map((key, number) => ({
      amount: 15_00 + number,
      description: `Salário ${number + 1}`,
      recipient: { pix_key: `${key}@simulator.example` },
    })),
  })
  const apiKey = await call('POST', `/merchants/${who.merchant_id}/api-keys`, { name: 'Loja virtual', permissions: ['pix:*'] })

  await until(
    () => call('GET', `/pix/payouts/${sent[0].id}`),
    (one) => one.status !== 'processing',
  )
  // Of a contest that begins so, the simulator's payee never decides.
  await call('POST', `/pix/payouts/${sent[0].id}/contest`, { reason: 'scam', details: 'silent@simulator.example' })
  // Money that no charge asked for: to the merchant's own key.
  const lines: Json[] = await until(
    () => call('GET', `/accounts/${who.account_id}/statement`),
    (all) => all.length > 3,
  )
  const receivedId = lines.find((one) => one.kind === 'pix_in').reference
  return { charge, payout: sent[0], refund, transfer, webhook, batch, apiKey, receivedId }
}
