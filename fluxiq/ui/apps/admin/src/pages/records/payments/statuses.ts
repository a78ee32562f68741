import type { PaymentKind } from '../shared/records'

/** What a payment of each kind may be, in the order of its life. */
export const STATUSES_OF: Record<PaymentKind, readonly string[]> = {
  charge: ['pending', 'paid', 'expired', 'cancelled', 'refunded'],
  receipt: ['credited', 'unidentified'],
  payout: ['scheduled', 'processing', 'confirmed', 'failed', 'returned', 'cancelled'],
  refund: ['processing', 'completed', 'failed'],
  transfer: ['pending', 'completed', 'failed'],
}
