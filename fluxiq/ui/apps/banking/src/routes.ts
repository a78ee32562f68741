import type { RouteRecordRaw } from 'vue-router'

type Page = () => Promise<unknown>

function page(path: string, pt: string, en: string, component: Page, permission?: string): RouteRecordRaw {
  return { path, component, meta: { title: { 'pt-BR': pt, en }, ...(permission && { permission }) } }
}

export const routes: RouteRecordRaw[] = [
  page('/', 'Início', 'Home', () => import('./pages/home/Home.vue'), 'accounts:read'),
  page('/statement', 'Extrato', 'Statement', () => import('@fluxiq/pix/pages/statement/Statement.vue'), 'accounts:read'),
  page('/send', 'Pagar com Pix', 'Pay with Pix', () => import('@fluxiq/pix/pages/send/Send.vue'), 'pix:write'),
  page('/receive', 'Receber com Pix', 'Receive with Pix', () => import('./pages/receive/Receive.vue'), 'pix:write'),
  page('/received/:id', 'Pix recebido', 'Pix received', () => import('@fluxiq/pix/pages/receive/Received.vue'), 'pix:read'),
  page('/charges', 'Cobranças', 'Charges', () => import('./pages/charges/Charges.vue'), 'pix:read'),
  page('/charges/:id', 'Cobrança', 'Charge', () => import('@fluxiq/pix/pages/charges/Charge.vue'), 'pix:read'),
  page('/payouts', 'Pagamentos', 'Payments', () => import('@fluxiq/pix/pages/payouts/Payouts.vue'), 'pix:read'),
  page('/payouts/:id', 'Pagamento', 'Payment', () => import('@fluxiq/pix/pages/payouts/Payout.vue'), 'pix:read'),
  page('/scheduled', 'Agendados', 'Scheduled', () => import('@fluxiq/pix/pages/payouts/Scheduled.vue'), 'pix:read'),
  page('/refunds', 'Devoluções', 'Refunds', () => import('@fluxiq/pix/pages/refunds/Refunds.vue'), 'pix:read'),
  page('/refunds/:id', 'Devolução', 'Refund', () => import('@fluxiq/pix/pages/refunds/Refund.vue'), 'pix:read'),
  page('/transfer', 'Transferir', 'Transfer', () => import('@fluxiq/pix/pages/transfers/NewTransfer.vue'), 'transfers:write'),
  page('/transfers', 'Transferências', 'Transfers', () => import('@fluxiq/pix/pages/transfers/Transfers.vue'), 'transfers:read'),
  page('/transfers/:id', 'Transferência', 'Transfer', () => import('@fluxiq/pix/pages/transfers/Transfer.vue'), 'transfers:read'),
  page('/limits', 'Limites Pix', 'Pix limits', () => import('@fluxiq/pix/pages/limits/Limits.vue'), 'accounts:read'),
  page('/reports', 'Relatos de fraude', 'Fraud reports', () => import('./pages/reports/Reports.vue'), 'pix:read'),
  page('/notifications', 'Avisos', 'Notifications', () => import('./pages/notices/Notifications.vue'), 'pix:read'),
  page('/profile', 'Perfil e privacidade', 'Profile and privacy', () => import('./pages/profile/Profile.vue')),
  page('/security', 'Segurança', 'Security', () => import('@fluxiq/pix/pages/security/Security.vue')),
]
