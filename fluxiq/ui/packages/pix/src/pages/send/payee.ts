import { documentText } from '@fluxiq/kit'
import { institutionText } from '../../parts/institutions'
import type { Key, RecipientAccount } from '../../records'
import { accountOf, type AccountDraft } from './account'
import type { Order } from './useOrder'

/** Who is about to be paid: as DICT says of a key, or as somebody typed it of an account. */
export interface Payee {
  name: string
  document: string
  bank: string
  /** The key, or nothing where an account says where the money goes. */
  key: string | null
  account: RecipientAccount | null
}

export function payeeOfKey(key: Key): Payee {
  return {
    name: key.owner.name,
    document: documentText(key.owner.document),
    bank: key.bank_name ?? institutionText(key.ispb),
    key: key.key,
    account: null,
  }
}

export function payeeOfAccount(draft: AccountDraft): Payee {
  const account = accountOf(draft)
  return {
    name: account.holder.name,
    document: documentText(account.holder.document),
    bank: institutionText(account.ispb),
    key: null,
    account,
  }
}

export function recipientOf({ key, account }: Payee): Order['recipient'] {
  return account === null ? { pix_key: key ?? '' } : { account }
}
