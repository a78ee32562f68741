// What stands for `:id` and the like in the routes of the apps.
import { Caller } from './people'
import type { Scene } from './scene'
import { type Json, call, login } from './world'

/** By a route up to its parameter, and the parameter. Null: a new platform has none such. */
export async function examplesOf(scene: Scene): Promise<Record<string, string | null>> {
  const { ispb, merchant_id, account_id } = login()
  const events: Json[] = await call('GET', '/events')
  const deliveries: Json[] = await call('GET', `/webhooks/${scene.webhook.id}/deliveries`)
  const chief = await Caller.signedIn(login().chief)
  const people: Json[] = await chief.call('GET', '/users')
  const jobs: Json[] = await chief.call('GET', '/operations/jobs')
  return {
    '/received/:id': scene.receivedId,
    '/charges/:id': scene.charge.id,
    '/payouts/:id': scene.payout.id,
    '/refunds/:id': scene.refund.id,
    '/transfers/:id': scene.transfer.id,
    '/batches/:id': scene.batch.id,
    '/webhooks/:id': scene.webhook.id,
    '/webhooks/:delivery': deliveries[0].id,
    '/events/:id': events[0].id,
    '/users/:id': people[0].id,
    '/payments/:id': scene.payout.id,
    '/jobs/:id': jobs[0].id,
    '/crashes/:fingerprint': null,
    '/dead-letters/:id': null,
    '/reconciliation/:id': null,
    '/institutions/:ispb': ispb,
    '/merchants/:id': merchant_id,
    '/accounts/:id': account_id,
  }
}
