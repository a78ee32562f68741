import type { NavigationGroup } from '@fluxiq/kit'

const READ = 'institution:read'

export const overviewNavigation: NavigationGroup = {
  items: [{ to: '/', title: { 'pt-BR': 'Visão geral', en: 'Overview' }, icon: 'activity', permission: READ }],
}

export const recordNavigation: NavigationGroup[] = [
  {
    title: { 'pt-BR': 'Pagamentos', en: 'Payments' },
    items: [
      { to: '/follow', title: { 'pt-BR': 'Seguir um pagamento', en: 'Follow a payment' }, icon: 'search', permission: READ },
      { to: '/payments', title: { 'pt-BR': 'Transações', en: 'Transactions' }, icon: 'arrow-left-right', permission: READ },
      { to: '/in-doubt', title: { 'pt-BR': 'Desfechos desconhecidos', en: 'Unknown outcomes' }, icon: 'help-circle', permission: 'operations:read' },
      { to: '/refunds', title: { 'pt-BR': 'Devoluções', en: 'Refunds' }, icon: 'undo', permission: READ },
      { to: '/med', title: { 'pt-BR': 'Relatos de fraude', en: 'Fraud reports' }, icon: 'shield-alert', permission: 'pix:read' },
      { to: '/contests', title: { 'pt-BR': 'Contestações', en: 'Disputes' }, icon: 'alert-circle', permission: 'pix:read' },
    ],
  },
  {
    title: { 'pt-BR': 'Cadastros', en: 'Records' },
    items: [
      { to: '/merchants', title: { 'pt-BR': 'Lojistas', en: 'Merchants' }, icon: 'store', permission: READ },
      { to: '/accounts', title: { 'pt-BR': 'Contas', en: 'Accounts' }, icon: 'wallet', permission: READ },
      { to: '/institutions', title: { 'pt-BR': 'Instituições', en: 'Institutions' }, icon: 'bank', permission: 'operations:read' },
      { to: '/users', title: { 'pt-BR': 'Usuários', en: 'Users' }, icon: 'users', permission: 'users:read' },
      { to: '/permissions', title: { 'pt-BR': 'Permissões', en: 'Permissions' }, icon: 'key', permission: READ },
    ],
  },
  {
    title: { 'pt-BR': 'Rastros', en: 'Traces' },
    items: [
      { to: '/audit', title: { 'pt-BR': 'Auditoria', en: 'Audit' }, icon: 'shield-check', permission: 'audit:read' },
      { to: '/requests', title: { 'pt-BR': 'Requisições', en: 'Requests' }, icon: 'list', permission: READ },
      { to: '/flags', title: { 'pt-BR': 'Chaves e cotações', en: 'Flags and rates' }, icon: 'settings', permission: 'live_data:read' },
    ],
  },
]
