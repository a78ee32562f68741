import { api, dataOf, useDeed } from '@fluxiq/kit'
import { computed, reactive, ref } from 'vue'
import { useRoute } from 'vue-router'
import { dayAfter, dayInSaoPaulo } from '../../parts/saoPaulo'
import { useAccounts, useBalances, useChosenAccount } from '../../parts/useAccounts'
import { useLimits } from '../../parts/useLimits'
import type { Key, RecipientAccount } from '../../records'
import { draftOf, emptyAccount } from './account'
import { type Destination, destinationOf } from './destination'
import { payeeOfAccount, payeeOfKey, recipientOf } from './payee'
import { exceeded, roomsLeft } from './room'
import { type Order, useOrder } from './useOrder'
import { useRepeat } from './useRepeat'

export const STEPS = ['to', 'amount', 'review', 'result'] as const
export type StepName = (typeof STEPS)[number]

const DAYS_AHEAD_MAX = 365

/** One payment from "to whom" to its end. Nothing of it is lost while the page is there. */
export function useSend() {
  const route = useRoute()
  const step = ref<StepName>('to')
  const draft = reactive({
    way: 'key' as 'key' | 'account',
    account: emptyAccount(),
    text: typeof route.query.to === 'string' ? route.query.to : '',
    amount: null as number | null,
    description: '',
    isLater: false,
    day: '',
  })

  const accounts = useAccounts()
  const balances = useBalances(() => accounts.data.value)
  const { chosenId, chosen } = useChosenAccount(() => accounts.data.value)
  const limits = useLimits(() => chosenId.value)

  const destination = computed<Destination>(() => destinationOf(draft.text))
  const code = computed(() => (draft.way === 'key' && destination.value.kind === 'code' ? destination.value.code : null))

  const today = dayInSaoPaulo(new Date())
  const days = { min: dayAfter(today, 1), max: dayAfter(today, DAYS_AHEAD_MAX) }
  const isDayRight = computed(() => !draft.isLater || (draft.day >= days.min && draft.day <= days.max))

  const rooms = computed(() =>
    roomsLeft(limits.data.value, balances.data.value?.[chosenId.value], draft.isLater),
  )
  const tooMuch = computed(() => exceeded(rooms.value, draft.amount ?? 0))

  const owner = useDeed<Key, string>({
    run: (key) => dataOf(api.GET('/api/v1/pix/dict/{key}', { params: { path: { key } } })),
    done: () => {
      draft.amount = code.value?.amount ?? draft.amount
      draft.description ||= code.value?.info ?? ''
      step.value = 'amount'
    },
  })
  const following = useOrder()

  /** Known from the second step on. */
  const payee = computed(() => {
    if (draft.way === 'account') return payeeOfAccount(draft.account)
    return owner.result.value ? payeeOfKey(owner.result.value) : null
  })

  const isRepeat = ref(false)
  const before = useRepeat(fillAccount)

  function fillAccount(account: RecipientAccount): void {
    draft.account = draftOf(account)
    draft.way = 'account'
    isRepeat.value = true
  }

  function pay(): void {
    step.value = 'result'
    void following.order(orderOf())
  }

  function orderOf(): Order {
    return {
      account_id: chosenId.value,
      amount: draft.amount ?? 0,
      recipient: payee.value ? recipientOf(payee.value) : {},
      description: draft.description.trim(),
      scheduled_for: draft.isLater ? draft.day : null,
    }
  }

  function startOver(): void {
    following.reset()
    owner.reset()
    isRepeat.value = false
    draft.account = emptyAccount()
    Object.assign(draft, { text: '', amount: null, description: '', isLater: false, day: '' })
    step.value = 'to'
  }

  return {
    step, draft, accounts, balances, chosenId, chosen, limits, destination, code, days, isDayRight, rooms, tooMuch,
    owner, payee, before, isRepeat, fillAccount, following, pay, startOver,
  }
}

export type Send = ReturnType<typeof useSend>
