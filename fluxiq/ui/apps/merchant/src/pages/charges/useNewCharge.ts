import { useAccounts, useChosenAccount } from '@fluxiq/pix/parts/useAccounts'
import { api, bareDocument, type components, dataOf, isDocument, useDeed } from '@fluxiq/kit'
import { computed, reactive } from 'vue'
import { useRouter } from 'vue-router'
import type { Charge } from '../../records'

type OpenCharge = components['schemas']['OpenCharge']

const DAY_SECONDS = 86_400

/** A charge from its form to its page, made once however often somebody clicks. */
export function useNewCharge() {
  const router = useRouter()
  const accounts = useAccounts()
  // Into an account without a key nobody can pay by PIX; of one with several the API takes the first.
  const payable = computed(() => accounts.data.value?.filter((account) => account.pix_keys.length > 0))
  const { chosenId } = useChosenAccount(() => payable.value)
  const form = reactive({
    amount: null as number | null,
    description: '',
    expiration: DAY_SECONDS,
    payerName: '',
    payerDocument: '',
  })

  const hasPayer = computed(() => form.payerName.trim() !== '' || form.payerDocument.trim() !== '')
  const isDocumentWrong = computed(() => form.payerDocument.trim() !== '' && !isDocument(form.payerDocument))
  const isHalfPayer = computed(
    () => hasPayer.value && (form.payerName.trim() === '' || form.payerDocument.trim() === ''),
  )
  const isReady = computed(() => Boolean(form.amount) && !isDocumentWrong.value && !isHalfPayer.value)

  const deed = useDeed<Charge, OpenCharge>({
    run: (body, key) =>
      dataOf(api.POST('/api/v1/pix/charges', { params: { header: { 'Idempotency-Key': key } }, body })),
    after: [['charges'], ['statistics']],
    done: (charge) => void router.replace(`/charges/${charge.id}`),
  })

  function make(): void {
    if (!isReady.value) return
    const payer = { name: form.payerName.trim(), document: bareDocument(form.payerDocument.trim()) }
    void deed.start({
      account_id: chosenId.value,
      amount: form.amount ?? 0,
      description: form.description.trim(),
      expiration: form.expiration,
      payer: hasPayer.value ? payer : null,
    })
  }

  return { accounts, payable, chosenId, form, isDocumentWrong, isHalfPayer, isReady, deed, make }
}
