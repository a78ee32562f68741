import { api, dataOf, toast, useDeed, useRead, useWords } from '@fluxiq/kit'
import { useRouter } from 'vue-router'
import type { Endpoint } from '../records'
import { webhookWords } from './words'

/** One endpoint, and what can be done to it at once. */
export function useEndpoint(webhookId: () => string) {
  const { t } = useWords(webhookWords)
  const router = useRouter()
  const path = () => ({ webhook_id: webhookId() })
  const after = [['webhooks'], ['deliveries']]

  const endpoint = useRead<Endpoint>({
    key: () => ['webhooks', webhookId()],
    read: () => dataOf(api.GET('/api/v1/webhooks/{webhook_id}', { params: { path: path() } })),
    live: ['deliveries'],
  })

  const testing = useDeed({
    run: (_: void, idempotencyKey) =>
      dataOf(api.POST('/api/v1/webhooks/{webhook_id}/test', { params: { path: path(), header: { 'Idempotency-Key': idempotencyKey } } })),
    after,
    done: () => toast(t('testSent'), 'good'),
  })

  const switching = useDeed<Endpoint, boolean>({
    run: (enabled) => dataOf(api.PATCH('/api/v1/webhooks/{webhook_id}', { params: { path: path() }, body: { enabled } })),
    after,
    done: ({ status }) => toast(t(status === 'enabled' ? 'enabled' : 'disabled'), 'good'),
  })

  const removing = useDeed<void>({
    run: async () => {
      await api.DELETE('/api/v1/webhooks/{webhook_id}', { params: { path: path() } })
    },
    after: [['webhooks', 'page']],
    done: () => {
      toast(t('removed'), 'good')
      void router.push('/webhooks')
    },
  })

  return { endpoint, testing, switching, removing }
}
