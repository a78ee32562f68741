import { beforeAll, describe, expect, test } from 'vitest'
import { Visitor, withBrowser } from '../support/browser'
import type { AppName, Person } from '../support/platform'
import { call, login, paidCharge, payout } from '../support/world'

withBrowser()

/** In all that B has, and in nothing that A may read. */
const SECRET = 'Só da outra instituição'

type Records = Awaited<ReturnType<typeof recordsOfB>>
let theirs: Records

beforeAll(async () => {
  theirs = await recordsOfB()
})

describe('institution A sees nothing of B', () => {
  test('in the pages of a customer', async () => {
    const { waiting, charge, refund, sent, transfer } = theirs
    const paths = [`/charges/${waiting}`, `/charges/${charge}`, `/refunds/${refund}`, `/payouts/${sent}`, `/transfers/${transfer}`]
    await findsNothing('banking', login(0).owner, paths)
  })

  test('in the pages of a merchant', async () => {
    await findsNothing('merchant', login(0).owner, [`/batches/${theirs.batch}`, `/webhooks/${theirs.webhook}`, `/charges/${theirs.charge}`])
  })

  test('in the pages of its own people, not even of those who operate the platform', async () => {
    const { till, sent } = theirs
    await findsNothing('admin', login(0).chief, [`/merchants/${login(1).merchant_id}`, `/accounts/${till}`, `/payments/${sent}`])
  })

  test('in the statement of an account that is not theirs', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(login(0).owner, `/statement?account=${theirs.till}`)
    await visitor.settled()
    expect(await visitor.page.locator('body').innerText()).not.toContain(SECRET)
    await visitor.leave()
  })
})

describe('an app that is not for somebody', () => {
  test.each<[AppName, () => Person, string]>([
    ['admin', () => login().owner, 'A sua conta é de um cliente dela.'],
    ['banking', () => login().chief, 'A sua conta é da própria instituição.'],
    ['merchant', () => login().chief, 'A sua conta é da própria instituição.'],
  ])('says so: %s', async (app, who, why) => {
    const visitor = await Visitor.at(app)
    await visitor.knock(who())
    await visitor.page.getByText(why).waitFor()
    await visitor.leave()
  })
})

async function findsNothing(app: AppName, who: Person, paths: string[]): Promise<void> {
  const visitor = await (await Visitor.at(app)).logIn(who)
  for (const path of paths) {
    await visitor.go(path)
    await visitor.page.locator('main [data-state=missing]').first().waitFor()
    expect(await visitor.page.locator('body').innerText(), path).not.toContain(SECRET)
  }
  await visitor.leave()
}

/** Of each kind one; their ids. */
async function recordsOfB() {
  const who = login(1)
  const make = async (path: string, body: object): Promise<string> => (await call('POST', path, body, who)).id
  const charge = (await paidCharge(90_00, who)).id as string
  const till = await make('/accounts', { name: SECRET, product_id: 'prod_pix_settlement' })
  const line = { amount: 1_00, description: SECRET, recipient: { pix_key: 'confirmed@simulator.example' } }
  return {
    charge,
    till,
    waiting: await make('/pix/charges', { amount: 50_00, description: SECRET }),
    refund: await make('/pix/refunds', { charge_id: charge, amount: 1_00, description: SECRET }),
    sent: (await payout(2_00, 'confirmed@simulator.example', who)).id as string,
    transfer: await make('/transfers', { source_account_id: who.account_id, destination_account_id: till, amount: 3_00, description: SECRET }),
    batch: await make('/pix/payout-batches', { name: SECRET, lines: [line] }),
    webhook: await make('/webhooks', { url: 'http://127.0.0.1:9/webhooks', description: SECRET, events: ['*'] }),
  }
}
