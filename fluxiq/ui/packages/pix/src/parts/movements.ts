import { defineWords, type IconName, useWords } from '@fluxiq/kit'
import type { Line } from '../records'

export const LINE_KINDS = [
  'pix_in',
  'pix_out',
  'pix_out_returned',
  'refund',
  'transfer_in',
  'transfer_out',
  'block',
  'release',
  'fee',
] as const
export type LineKind = (typeof LINE_KINDS)[number]

const words = defineWords({
  'pt-BR': {
    pix_in: 'Pix recebido',
    pix_out: 'Pix enviado',
    pix_out_returned: 'Pix devolvido',
    refund: 'Devolução enviada',
    transfer_in: 'Transferência recebida',
    transfer_out: 'Transferência enviada',
    block: 'Bloqueio cautelar',
    release: 'Desbloqueio',
    fee: 'Tarifa de recebimento',
    other: 'Lançamento',
  },
  en: {
    pix_in: 'Pix received',
    pix_out: 'Pix sent',
    pix_out_returned: 'Pix returned',
    refund: 'Refund sent',
    transfer_in: 'Transfer received',
    transfer_out: 'Transfer sent',
    block: 'Amount blocked',
    release: 'Amount released',
    fee: 'Receiving fee',
    other: 'Entry',
  },
})

const ICONS: Record<LineKind, IconName> = {
  pix_in: 'arrow-down-left',
  pix_out: 'arrow-up-right',
  pix_out_returned: 'undo',
  refund: 'undo',
  transfer_in: 'arrow-left-right',
  transfer_out: 'arrow-left-right',
  block: 'lock',
  release: 'unlock',
  fee: 'receipt',
}

/** A fee refers to the payment of which it was kept. */
const RECEIVED: ReadonlySet<string> = new Set(['pix_in', 'fee'])

/** How a line of the statement is called and drawn, and where its payment is shown. */
export function useMovements() {
  const { t } = useWords(words)
  return {
    nameOf: (kind: string) => t(isKind(kind) ? kind : 'other'),
    iconOf: (kind: string): IconName => (isKind(kind) ? ICONS[kind] : 'circle'),
    pageOf,
  }
}

/** By the prefix of what the line refers to; payments in and out share one, and have pages of their own. */
export function pageOf({ kind, reference }: Pick<Line, 'kind' | 'reference'>): string | null {
  if (!reference) return null
  if (reference.startsWith('pay_')) return RECEIVED.has(kind) ? `/received/${reference}` : `/payouts/${reference}`
  if (reference.startsWith('xfer_')) return `/transfers/${reference}`
  if (reference.startsWith('ref_')) return `/refunds/${reference}`
  return null
}

function isKind(kind: string): kind is LineKind {
  return LINE_KINDS.some((one) => one === kind)
}
