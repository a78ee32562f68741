// What stands for `:id` and the like in the routes of the apps.
import type { Scene } from './scene'
import { login } from './world'

/** By a route up to its parameter, and the parameter. Null: a new platform has none such. */
export async function examplesOf(scene: Scene): Promise<Record<string, string | null>> {
  const { ispb, merchant_id, account_id } = login()
  return {
    '/received/:id': scene.receivedId,
    '/charges/:id': scene.charge.id,
    '/payouts/:id': scene.payout.id,
    '/refunds/:id': scene.refund.id,
    '/transfers/:id': scene.transfer.id,
    '/batches/:id': scene.batch.id,
    '/webhooks/:id': scene.webhook.id,
    '/institutions/:ispb': ispb,
    '/merchants/:id': merchant_id,
    '/accounts/:id': account_id,
  }
}
