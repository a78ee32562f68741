import type { components } from '@fluxiq/kit'

type Schemas = components['schemas']

export type Account = Schemas['Account']
export type Charge = Schemas['Charge']
export type Merchant = Schemas['Merchant']
export type Payer = Schemas['Payer']
export type PaymentStatistics = Schemas['PaymentStatistics']
export type PayoutBatch = Schemas['PayoutBatch']
export type PayoutBatchLine = Schemas['PayoutBatchLine']
export type PayoutBatchWithLines = Schemas['PayoutBatchWithLines']
export type WritePayoutBatch = Schemas['WritePayoutBatch']
export type WrittenPayoutBatch = Schemas['WrittenPayoutBatch']
export type Product = Schemas['Product']
export type SettlementDay = Schemas['SettlementDay']
export type SettlementSchedule = Schemas['SettlementSchedule']
export type PutSettlementSchedule = Schemas['PutSettlementSchedule']
