import { documentText, useWords } from '@fluxiq/kit'
import type { Payout, RecipientAccount } from '../records'
import { institutionText } from './institutions'
import { recipientWords } from './recipient.words'

type Recipient = Payout['recipient']

/** How the recipient of a payment is written: the owner of a key, or the account that was dictated. */
export function useRecipient() {
  const { t } = useWords(recipientWords)

  /** Branch, number and type on one line. */
  function accountText({ branch, number, type }: RecipientAccount): string {
    return [branch && t('branch', { branch }), `${t(type)} ${number}`].filter(Boolean).join(' · ')
  }

  /** Where the money goes, with names, for descriptions and receipts. */
  function linesOf({ pix_key, ispb, account }: Recipient): { label: string; value: string }[] {
    const bank = { label: t('bank'), value: institutionText(ispb) }
    if (!account) return [{ label: t('key'), value: pix_key ?? '' }, bank]
    return [
      bank,
      { label: t('account'), value: accountText(account) },
      { label: t('document'), value: documentText(account.holder.document) },
    ]
  }

  /** Who it is, in one text: by name, or by key where DICT told none. */
  function nameOf({ name, pix_key }: Recipient): string {
    return name || (pix_key ?? '')
  }

  return { accountText, linesOf, nameOf, t }
}
