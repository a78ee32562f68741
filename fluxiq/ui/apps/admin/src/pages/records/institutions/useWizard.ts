import { api, type components, dataOf, useDeed } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import { declarationOf, emptyDraft, wrongOfIdentity, wrongOfProvider, type Draft, type Wrong } from './draft'

export const STEPS = ['identity', 'provider', 'review', 'done'] as const
export type WizardStep = (typeof STEPS)[number]
type Added = components['schemas']['InstitutionAdded']

/** The steps to a new institution: nobody goes on before what is asked here is right. */
export function useWizard() {
  const draft = reactive<Draft>(emptyDraft())
  const step = ref<WizardStep>('identity')
  const isTold = ref(false)

  const wrong = computed<Wrong[]>(() => {
    if (step.value === 'identity') return wrongOfIdentity(draft)
    return step.value === 'provider' ? wrongOfProvider(draft) : []
  })
  const isWrong = (field: Wrong) => isTold.value && wrong.value.includes(field)

  const deed = useDeed<Added, { draft: Draft; reason: string }>({
    run: (said, key) => {
      const params = { header: { 'Idempotency-Key': key } }
      return dataOf(api.POST('/api/v1/operations/institutions', { params, body: declarationOf(said.draft, said.reason) }))
    },
    after: [['institutions']],
    done: () => (step.value = 'done'),
  })

  function next() {
    isTold.value = true
    if (wrong.value.length > 0) return
    go(1)
  }

  function go(by: 1 | -1) {
    step.value = STEPS[STEPS.indexOf(step.value) + by] ?? step.value
    isTold.value = false
  }

  const add = (reason: string) => deed.start({ draft: { ...draft }, reason })

  return { draft, step, isWrong, next, back: () => go(-1), add, deed, added: deed.result }
}
