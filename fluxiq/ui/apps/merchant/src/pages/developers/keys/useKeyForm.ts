import { api, dataOf, useDeed, useSession } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import type { ApiKey, OpenApiKey } from '../records'
import { isNetwork, NETWORKS_MAX, networksOf } from './networks'
import { isWeighty, type Preset, type Scope, scopesOf } from './scopes'

export type Expiry = 'never' | '30' | '90' | '365' | 'day'

const DAY_MS = 86_400_000

/** A key as it is filled in, and the deed of making it. */
export function useKeyForm() {
  const { may, person } = useSession()
  const form = reactive({
    name: '',
    environment: 'live' as OpenApiKey['environment'],
    preset: 'shop' as Preset,
    chosen: [] as Scope[],
    expiry: '365' as Expiry,
    day: '' as string | null,
    networks: '',
  })
  const isTried = ref(false)

  const scopes = computed(() => scopesOf(form.preset, form.chosen, may))
  const networks = computed(() => networksOf(form.networks))
  const expiresAt = computed(() => endOf(form.expiry, form.day ?? ''))
  const wrongNetwork = computed(() => networks.value.find((one) => !isNetwork(one)))

  const wrong = computed(() => ({
    name: form.name.trim() === '',
    scopes: scopes.value.length === 0,
    day: form.expiry === 'day' && !(Date.parse(expiresAt.value ?? '') > Date.now()),
    networks: wrongNetwork.value !== undefined || networks.value.length > NETWORKS_MAX,
  }))

  const making = useDeed<ApiKey, OpenApiKey>({
    run: (body, idempotencyKey) => {
      const path = { merchant_id: person?.merchantId ?? '' }
      const header = { 'Idempotency-Key': idempotencyKey }
      return dataOf(api.POST('/api/v1/merchants/{merchant_id}/api-keys', { params: { path, header }, body }))
    },
    after: [['api-keys']],
  })

  /** What is sent is put together once: a second try of the same intent says the same, to the second. */
  let sent: { said: string; body: OpenApiKey } | null = null

  function send() {
    isTried.value = true
    if (Object.values(wrong.value).some(Boolean)) return
    const said = JSON.stringify(form)
    if (sent?.said !== said) sent = { said, body: bodyOf() }
    void making.start(sent.body)
  }

  function bodyOf(): OpenApiKey {
    return {
      name: form.name.trim(),
      permissions: scopes.value,
      environment: form.environment,
      allowed_networks: networks.value,
      expires_at: expiresAt.value,
    }
  }

  return { form, isTried, scopes, wrong, wrongNetwork, isWeighty: computed(() => isWeighty(scopes.value)), making, send }
}

/** When a key ends: after so many days, or with the end of a day where one sits; null for never. */
export function endOf(expiry: Expiry, day: string, now = Date.now()): string | null {
  if (expiry === 'never') return null
  if (expiry !== 'day') return new Date(now + Number(expiry) * DAY_MS).toISOString()
  const end = new Date(`${day}T23:59:59`)
  return Number.isNaN(end.getTime()) ? null : end.toISOString()
}
