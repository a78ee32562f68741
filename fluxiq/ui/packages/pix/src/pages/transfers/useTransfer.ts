import { api, dataOf, useDeed, type TimelineStep, useWords } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import { useRouter } from 'vue-router'
import { useAccounts, useBalances, useChosenAccount } from '../../parts/useAccounts'
import type { Transfer } from '../../records'
import { transferWords } from './words'

export interface TransferAsked {
  source_account_id: string
  destination_account_id: string
  amount: number
  description: string
}

const ACCOUNT_ID = /^acc_[0-9A-HJKMNP-TV-Z]{26}$/
const FAILURES = ['insufficient_funds', 'approval_expired', 'approval_rejected'] as const

export function isAccountId(text: string): boolean {
  return ACCOUNT_ID.test(text.trim())
}

/** A transfer from the form to its end: made once, however often somebody clicks. */
export function useNewTransfer() {
  const router = useRouter()
  const accounts = useAccounts()
  const balances = useBalances(() => accounts.data.value)
  const { chosenId: sourceId, chosen: source } = useChosenAccount(() => accounts.data.value)
  const isReviewing = ref(false)
  const form = reactive({ isOther: false, ownId: '', otherId: '', amount: null as number | null, description: '' })

  const others = computed(() => (accounts.data.value ?? []).filter((account) => account.id !== sourceId.value))
  const isToOther = computed(() => form.isOther || others.value.length === 0)
  const own = computed(() => others.value.find((account) => account.id === form.ownId) ?? others.value[0])
  const destinationId = computed(() => (isToOther.value ? form.otherId.trim() : (own.value?.id ?? '')))
  const available = computed(() => balances.data.value?.[sourceId.value]?.available)
  const isAbove = computed(() => available.value !== undefined && (form.amount ?? 0) > available.value)
  const isReady = computed(() => isAccountId(destinationId.value) && Boolean(form.amount) && !isAbove.value)

  const deed = useDeed<Transfer, TransferAsked>({
    run: (body, key) =>
      dataOf(api.POST('/api/v1/transfers', { params: { header: { 'Idempotency-Key': key } }, body })),
    after: [['balances'], ['statement'], ['transfers'], ['notices']],
    done: (transfer) => void router.push(`/transfers/${transfer.id}`),
  })
  function transfer(): void {
    void deed.start({
      source_account_id: sourceId.value,
      destination_account_id: destinationId.value,
      amount: form.amount ?? 0,
      description: form.description.trim(),
    })
  }
  return {
    accounts, balances, sourceId, source, form, others, isToOther, own, destinationId, available, isAbove, isReady,
    isReviewing, deed, transfer,
  }
}

/** A transfer in words: how far it is, and why it failed. */
export function useTransferWords() {
  const { t } = useWords(transferWords)

  function stepsOf(transfer: Transfer): TimelineStep[] {
    const asked: TimelineStep = { title: t('asked'), at: transfer.created_at, state: 'done' }
    switch (transfer.status) {
      case 'pending':
        return [asked, { title: t(transfer.expires_at ? 'waits' : 'moving'), state: 'now' }]
      case 'failed':
        return [asked, { title: t('failed'), at: transfer.completed_at, state: 'failed' }]
      default:
        return [asked, { title: t('completed'), at: transfer.completed_at, state: 'done' }]
    }
  }

  function whyOf(transfer: Transfer): string {
    const known = FAILURES.find((code) => code === transfer.failure?.code)
    return known ? t(`failed_${known}`) : (transfer.failure?.message ?? '')
  }
  return { stepsOf, whyOf }
}

export function readTransfer(id: string): Promise<Transfer> {
  return dataOf(api.GET('/api/v1/transfers/{transfer_id}', { params: { path: { transfer_id: id } } }))
}
