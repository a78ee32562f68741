import { api, dataOf, toast, useDeed, useRead, useSession, useWords } from '@fluxiq/kit'
import { computed, ref } from 'vue'
import { securityWords } from './words'

/** Off: nothing asked. Prove: the password is. Scan: the secret is shown. Codes: it is on, and these are shown once. */
export type TotpStep = 'rest' | 'prove' | 'scan' | 'codes'

/** A second factor on and off. Who may see users is told which it is; others may do either. */
export function useTotp() {
  const { t } = useWords(securityWords)
  const session = useSession()
  const step = ref<TotpStep>('rest')
  const isTurningOff = ref(false)

  const me = useRead<boolean>({
    key: () => ['users', session.person?.id, 'totp'],
    read: async () => {
      const path = { user_id: session.person?.id ?? '' }
      return (await dataOf(api.GET('/api/v1/users/{user_id}', { params: { path } }))).totp
    },
    enabled: () => session.may('users:read') && session.isSignedIn,
  })
  /** Undefined where nobody tells. */
  const isOn = computed(() => me.data.value)

  const offer = useDeed({
    run: (password: string) => dataOf(api.POST('/api/v1/auth/totp', { body: { password } })),
    done: () => (step.value = 'scan'),
  })
  const confirm = useDeed({
    run: async (code: string) => (await dataOf(api.POST('/api/v1/auth/totp/confirm', { body: { code } }))).recovery_codes,
    after: [['users']],
    done: () => {
      step.value = 'codes'
      toast(t('onNow'), 'good')
    },
  })
  const remove = useDeed<void, string>({
    run: async (password) => {
      await api.POST('/api/v1/auth/totp/remove', { body: { password } })
    },
    after: [['users']],
    done: () => {
      step.value = 'rest'
      toast(t('offNow'), 'good')
    },
  })

  function begin(turnOff: boolean): void {
    offer.reset()
    confirm.reset()
    remove.reset()
    isTurningOff.value = turnOff
    step.value = 'prove'
  }
  return { step, isOn, isTurningOff, offer, confirm, remove, begin, finish: () => (step.value = 'rest') }
}

export type Totp = ReturnType<typeof useTotp>
