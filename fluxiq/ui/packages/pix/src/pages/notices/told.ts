import { type IconName, useWords } from '@fluxiq/kit'
import type { LoggedEvent } from '../../records'
import { toldWords } from './words'

type Told = Pick<LoggedEvent, 'type' | 'data'>

/** Where the record of an event is shown, by the beginning of its type. */
const PAGES: readonly [string, (id: string) => string][] = [
  ['pix.charge.', (id) => `/charges/${id}`],
  ['pix.receipt.', (id) => `/received/${id}`],
  ['pix.payout.', (id) => `/payouts/${id}`],
  ['pix.refund.', (id) => `/refunds/${id}`],
  ['pix.med.', () => '/reports'],
  ['pix.contest.', (id) => `/payouts/${id}`], // a contest is shown on the payment it is about
  ['transfer.', (id) => `/transfers/${id}`],
  ['account.limits_changed', () => '/limits'],
  ['account.', (id) => `/statement?account=${id}`],
]

const ICONS: readonly [string, IconName][] = [
  ['pix.charge.paid', 'arrow-down-left'],
  ['pix.charge.', 'receipt'],
  ['pix.receipt.', 'arrow-down-left'],
  ['pix.payout.scheduled', 'calendar'],
  ['pix.payout.', 'arrow-up-right'],
  ['pix.refund.', 'undo'],
  ['pix.med.', 'shield-alert'],
  ['pix.contest.', 'shield-alert'],
  ['transfer.', 'arrow-left-right'],
  ['account.', 'wallet'],
  ['merchant.fee_changed', 'receipt'],
  ['webhook.', 'webhook'],
]

export function iconOf({ type }: Told): IconName {
  return ICONS.find(([beginning]) => type.startsWith(beginning))?.[1] ?? 'bell'
}

export function pageOf({ type, data }: Told): string | null {
  const id = textOf(data, 'payout_id') ?? textOf(data, 'id') ?? textOf(data, 'account_id')
  const page = PAGES.find(([beginning]) => type.startsWith(beginning))?.[1]
  return page !== undefined && id !== null ? page(id) : null
}

export function amountOf({ data }: Told): number | null {
  const amount = (data as Record<string, unknown>).amount
  return typeof amount === 'number' ? amount : null
}

/** Whom or what it is about, where the record says so. */
export function aboutOf({ data }: Told): string {
  const recipient = (data as Record<string, unknown>).recipient
  const name = typeof recipient === 'object' && recipient !== null ? textOf(recipient, 'name') : null
  return name || textOf(data, 'description') || textOf(data, 'name') || ''
}

/** What happened, in words; of a type that is newer than this page, the type itself. */
export function useTold() {
  const { t } = useWords(toldWords)
  function titleOf({ type }: Told): string {
    const key = `told.${type}` as Parameters<typeof t>[0]
    const said = t(key)
    return said.endsWith(key) ? type : said
  }
  return { titleOf }
}

function textOf(data: object, key: string): string | null {
  const value = (data as Record<string, unknown>)[key]
  return typeof value === 'string' ? value : null
}
