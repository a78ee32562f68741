import type { RouteRecordRaw } from 'vue-router'
import { page } from './page'

/**
 * Everything about money. One payment, refund or transfer looks here as it does in Banking, to the
 * same people of the same merchant: both apps have those pages from `@fluxiq/pix`, at the same paths.
 */
export const moneyRoutes: RouteRecordRaw[] = [
  page('/', 'Painel', 'Dashboard', () => import('./pages/dashboard/Dashboard.vue'), 'pix:read'),

  page('/charges', 'Cobranças', 'Charges', () => import('./pages/charges/Charges.vue'), 'pix:read'),
  page('/charges/new', 'Nova cobrança', 'New charge', () => import('./pages/charges/NewCharge.vue'), 'pix:write'),
  page('/charges/:id', 'Cobrança', 'Charge', () => import('@fluxiq/pix/pages/charges/Charge.vue'), 'pix:read'),
  page('/poster', 'Cartaz com QR Code', 'QR code poster', () => import('./pages/poster/Poster.vue'), 'pix:write'),
  page('/payers', 'Pagadores', 'Payers', () => import('./pages/payers/Payers.vue'), 'pix:read'),
  page('/received/:id', 'Pix recebido', 'Pix received', () => import('@fluxiq/pix/pages/receive/Received.vue'), 'pix:read'),

  page('/payouts', 'Pagamentos', 'Payments', () => import('@fluxiq/pix/pages/payouts/Payouts.vue'), 'pix:read'),
  page('/send', 'Novo pagamento', 'New payment', () => import('@fluxiq/pix/pages/send/Send.vue'), 'pix:write'),
  page('/payouts/:id', 'Pagamento', 'Payment', () => import('@fluxiq/pix/pages/payouts/Payout.vue'), 'pix:read'),
  page('/scheduled', 'Agendados', 'Scheduled', () => import('@fluxiq/pix/pages/payouts/Scheduled.vue'), 'pix:read'),
  page('/batches', 'Lotes', 'Batches', () => import('./pages/batches/Batches.vue'), 'pix:read'),
  page('/batches/new', 'Novo lote', 'New batch', () => import('./pages/batches/NewBatch.vue'), 'pix:write'),
  page('/batches/:id', 'Lote', 'Batch', () => import('./pages/batches/Batch.vue'), 'pix:read'),
  page('/refunds', 'Devoluções', 'Refunds', () => import('@fluxiq/pix/pages/refunds/Refunds.vue'), 'pix:read'),
  page('/refunds/:id', 'Devolução', 'Refund', () => import('@fluxiq/pix/pages/refunds/Refund.vue'), 'pix:read'),

  page('/accounts', 'Contas e saldos', 'Accounts and balances', () => import('./pages/accounts/Accounts.vue'), 'accounts:read'),
  page('/statement', 'Extrato', 'Statement', () => import('@fluxiq/pix/pages/statement/Statement.vue'), 'accounts:read'),
  page('/settlements', 'Repasses', 'Settlements', () => import('./pages/settlements/Settlements.vue'), 'transfers:read'),
  page('/fees', 'Tarifas', 'Fees', () => import('./pages/fees/Fees.vue'), 'fees:read'),
  page('/transfers', 'Transferências', 'Transfers', () => import('@fluxiq/pix/pages/transfers/Transfers.vue'), 'transfers:read'),
  page('/transfer', 'Nova transferência', 'New transfer', () => import('@fluxiq/pix/pages/transfers/NewTransfer.vue'), 'transfers:write'),
  page('/transfers/:id', 'Transferência', 'Transfer', () => import('@fluxiq/pix/pages/transfers/Transfer.vue'), 'transfers:read'),
  page('/limits', 'Limites Pix', 'Pix limits', () => import('@fluxiq/pix/pages/limits/Limits.vue'), 'accounts:read'),

  page('/security', 'Segurança', 'Security', () => import('@fluxiq/pix/pages/security/Security.vue')),
]
