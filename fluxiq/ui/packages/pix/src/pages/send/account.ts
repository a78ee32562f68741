import { bareDocument, isDocument } from '@fluxiq/kit'
import { ispbOf } from '../../parts/institutions'
import type { RecipientAccount } from '../../records'

export interface AccountDraft {
  /** A name that is known, or an ISPB. */
  institution: string
  branch: string
  number: string
  type: RecipientAccount['type']
  document: string
  name: string
}

export type AccountProblem =
  | 'wrongInstitution'
  | 'ownInstitution'
  | 'wrongBranch'
  | 'wrongNumber'
  | 'wrongDocument'
  | 'wrongName'
export type AccountProblems = Partial<Record<keyof AccountDraft, AccountProblem>>

export const NAME_LENGTH_MAX = 140
export const ACCOUNT_TYPES = ['CACC', 'SVGS', 'TRAN', 'SLRY'] as const satisfies RecipientAccount['type'][]

const BRANCH = /^[0-9]{1,4}$/
const NUMBER = /^[0-9A-Z]{1,20}$/

export function emptyAccount(): AccountDraft {
  return { institution: '', branch: '', number: '', type: 'CACC', document: '', name: '' }
}

/** All of an account that was paid before, but the document: nobody is shown it whole again. */
export function draftOf(account: RecipientAccount): AccountDraft {
  const { ispb, branch, number, type, holder } = account
  return { institution: ispb, branch: branch ?? '', number, type, document: '', name: holder.name }
}

/** As the SPI takes it: without separators, in capitals. */
export function bareNumber(text: string): string {
  return text.replace(/[.\-/ ]/g, '').replace(/[a-z]/g, (one) => one.toUpperCase())
}

/** What is wrong in which field; nothing, and it may be ordered. The API judges by the same rules. */
export function problemsOf(draft: AccountDraft, ownIspb: string | undefined): AccountProblems {
  const found: AccountProblems = {}
  const ispb = ispbOf(draft.institution)
  if (ispb === null) found.institution = 'wrongInstitution'
  else if (ispb === ownIspb) found.institution = 'ownInstitution'
  if (draft.branch.trim() !== '' && !BRANCH.test(draft.branch.trim())) found.branch = 'wrongBranch'
  if (!NUMBER.test(bareNumber(draft.number))) found.number = 'wrongNumber'
  if (!isDocument(draft.document)) found.document = 'wrongDocument'
  if (draft.name.trim() === '') found.name = 'wrongName'
  return found
}

/** The account as it is ordered; of a draft without problems. */
export function accountOf(draft: AccountDraft): RecipientAccount {
  return {
    ispb: ispbOf(draft.institution) ?? '',
    branch: draft.branch.trim() || null,
    number: bareNumber(draft.number),
    type: draft.type,
    holder: { document: bareDocument(draft.document), name: draft.name.trim() },
  }
}
