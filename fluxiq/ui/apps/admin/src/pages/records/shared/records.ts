import type { components, StatusKind } from '@fluxiq/kit'

type Schemas = components['schemas']

export type Account = Schemas['InstitutionAccount']
export type AuditLine = Schemas['AuditLine']
export type AuditProof = Schemas['AuditProof']
export type AuditVerification = Schemas['AuditVerification']
export type Contest = Schemas['Contest']
export type Flag = Schemas['Flag']
export type Incident = Schemas['Incident']
export type InDoubt = Schemas['InDoubt']
export type Institution = Schemas['InstitutionShown']
export type InstitutionLine = Schemas['InstitutionLine']
export type MedReport = Schemas['MedReport']
export type Merchant = Schemas['InstitutionMerchant']
export type MerchantFee = Schemas['InstitutionFee']
export type MerchantFees = Schemas['InstitutionFees']
export type Now = Schemas['Now']
export type Payment = Schemas['InstitutionPayment']
export type PaymentKind = Schemas['PaymentKind']
export type PaymentStatistics = Schemas['PaymentStatistics']
export type PaymentWalk = Schemas['PaymentWalk']
export type Rate = Schemas['Rate']
export type Request = Schemas['Request']
export type SetFee = Schemas['SetFee']
export type Step = Schemas['Step']
export type User = Schemas['User']

export const KINDS: readonly PaymentKind[] = ['charge', 'receipt', 'payout', 'refund', 'transfer']

/** Every kind of payment has statuses of its own, by the same name. */
export const statusKind = (kind: PaymentKind): StatusKind => kind
