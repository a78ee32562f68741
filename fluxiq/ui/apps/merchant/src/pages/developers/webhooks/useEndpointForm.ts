import { api, dataOf, useDeed } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import type { Endpoint } from '../records'
import { inGroups } from './events'

interface Said {
  url: string
  description: string
  events: string[]
  ordered: boolean
}

/** An endpoint as it is filled in: a new one, or what one has become. */
export function useEndpointForm(before: Endpoint | null, done: (endpoint: Endpoint) => void) {
  const form = reactive({
    url: before?.url ?? '',
    description: before?.description ?? '',
    scope: (before === null || before.events.length === 0 ? 'every' : 'some') as 'every' | 'some',
    events: inGroups(before?.events ?? ['pix.charge.*', 'pix.payout.*', 'pix.refund.*']),
    ordered: before?.ordered ?? false,
  })
  const isTried = ref(false)
  const wrong = computed(() => ({
    url: !isUrl(form.url.trim()),
    events: form.scope === 'some' && form.events.length === 0,
  }))

  const saving = useDeed<Endpoint, Said>({
    run: (said, idempotencyKey) =>
      before === null
        ? dataOf(api.POST('/api/v1/webhooks', { params: { header: { 'Idempotency-Key': idempotencyKey } }, body: said }))
        : dataOf(api.PATCH('/api/v1/webhooks/{webhook_id}', { params: { path: { webhook_id: before.id } }, body: changesOf(before, said) })),
    after: [['webhooks']],
    done,
  })

  function send() {
    isTried.value = true
    if (wrong.value.url || wrong.value.events) return
    const events = form.scope === 'every' ? [] : form.events
    void saving.start({ url: form.url.trim(), description: form.description.trim(), ordered: form.ordered, events })
  }

  return { form, isTried, wrong, saving, send }
}

/** Only what became different is said: a colleague may have changed the rest meanwhile. */
export function changesOf(before: Endpoint, said: Said): Partial<Said> {
  const same = (events: readonly string[]) => inGroups(events).join() === inGroups(said.events).join()
  const areEvents = (before.events.length === 0) === (said.events.length === 0) && same(before.events)
  return {
    ...(said.url !== before.url && { url: said.url }),
    ...(said.description !== before.description && { description: said.description }),
    ...(said.ordered !== before.ordered && { ordered: said.ordered }),
    ...(!areEvents && { events: said.events }),
  }
}

/** `http` is for demos on one machine: whether it is allowed is the platform's to say. */
export function isUrl(text: string): boolean {
  return /^https?:\/\/[^\s/?#]+/.test(text) && URL.canParse(text)
}
