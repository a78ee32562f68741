import type { RouteRecordRaw } from 'vue-router'

type Page = () => Promise<unknown>

function page(path: string, pt: string, en: string, component: Page, permission: string): RouteRecordRaw {
  return { path, component, meta: { title: { 'pt-BR': pt, en }, permission } }
}

const READ = 'institution:read'

/** What is on record: payments, people, merchants, the trail. */
export const recordRoutes: RouteRecordRaw[] = [
  page('/', 'Visão geral', 'Overview', () => import('./pages/records/overview/Overview.vue'), READ),
  page('/follow', 'Seguir um pagamento', 'Follow a payment', () => import('./pages/records/payments/Follow.vue'), READ),
  page('/payments', 'Transações', 'Transactions', () => import('./pages/records/payments/Payments.vue'), READ),
  page('/payments/:id', 'Pagamento', 'Payment', () => import('./pages/records/payments/Payment.vue'), READ),
  page('/in-doubt', 'Desfechos desconhecidos', 'Unknown outcomes', () => import('./pages/records/payments/InDoubt.vue'), 'operations:read'),
  page('/refunds', 'Devoluções', 'Refunds', () => import('./pages/records/payments/Refunds.vue'), READ),
  page('/contests', 'Contestações', 'Disputes', () => import('./pages/records/med/Contests.vue'), 'pix:read'),
  page('/med', 'Relatos de fraude', 'Fraud reports', () => import('./pages/records/med/Reports.vue'), 'pix:read'),
  page('/merchants', 'Lojistas', 'Merchants', () => import('./pages/records/merchants/Merchants.vue'), READ),
  page('/merchants/:id', 'Lojista', 'Merchant', () => import('./pages/records/merchants/Merchant.vue'), READ),
  page('/accounts', 'Contas', 'Accounts', () => import('./pages/records/accounts/Accounts.vue'), READ),
  page('/accounts/:id', 'Conta', 'Account', () => import('./pages/records/accounts/Account.vue'), READ),
  page('/institutions', 'Instituições', 'Institutions', () => import('./pages/records/institutions/Institutions.vue'), 'operations:read'),
  page('/institutions/new', 'Nova instituição', 'New institution', () => import('./pages/records/institutions/NewInstitution.vue'), 'operations:write'),
  page('/institutions/:ispb', 'Instituição', 'Institution', () => import('./pages/records/institutions/Institution.vue'), 'operations:read'),
  page('/users', 'Usuários', 'Users', () => import('./pages/records/people/People.vue'), 'users:read'),
  page('/users/:id', 'Usuário', 'User', () => import('./pages/records/people/OnePerson.vue'), 'users:read'),
  page('/permissions', 'Permissões', 'Permissions', () => import('./pages/records/people/Permissions.vue'), READ),
  page('/audit', 'Auditoria', 'Audit', () => import('./pages/records/audit/Audit.vue'), 'audit:read'),
  page('/requests', 'Requisições', 'Requests', () => import('./pages/records/requests/Requests.vue'), READ),
  page('/flags', 'Chaves e cotações', 'Flags and rates', () => import('./pages/records/live/FlagsAndRates.vue'), 'live_data:read'),
]
