import { bareDocument, isDocument, parseBrCode, pixKeyKind } from '@fluxiq/kit'

/** What is written in the boxes, as the simulator takes it, and what is wrong with it. */
export interface PayerDraft {
  name: string
  document: string
}

export interface CodeDraft {
  brCode: string
  amount: number | null
  payer: PayerDraft
  copies: number
  isTold: boolean
}

export interface KeyDraft {
  pixKey: string
  amount: number | null
  payer: PayerDraft
  isTold: boolean
}

export const ID = /^[A-Za-z0-9]{32}$/

const payerOf = ({ name, document }: PayerDraft) => ({ name: name.trim(), document: bareDocument(document) })
const isPayer = ({ name, document }: PayerDraft) => name.trim() !== '' && isDocument(document)

/** Null while something is missing or wrong. */
export function codePayment(draft: CodeDraft) {
  const code = draft.brCode.trim()
  if ('error' in parseBrCode(code) || !isPayer(draft.payer)) return null
  return {
    br_code: code,
    ...(draft.amount ? { amount: draft.amount } : {}),
    payer: payerOf(draft.payer),
    copies: draft.copies,
    is_told: draft.isTold,
  }
}

export function keyPayment(draft: KeyDraft) {
  const key = draft.pixKey.trim()
  if (pixKeyKind(key) === null || !draft.amount || !isPayer(draft.payer)) return null
  return { pix_key: key, amount: draft.amount, payer: payerOf(draft.payer), is_told: draft.isTold }
}
