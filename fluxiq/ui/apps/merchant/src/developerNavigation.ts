import type { NavigationGroup } from '@fluxiq/kit'

export const developerNavigation: NavigationGroup[] = [
  {
    title: { 'pt-BR': 'Desenvolvimento', en: 'Developers' },
    items: [
      { to: '/guide', title: { 'pt-BR': 'Documentação', en: 'Documentation' }, icon: 'code' },
      { to: '/api-keys', title: { 'pt-BR': 'Chaves de API', en: 'API keys' }, icon: 'key', permission: 'api_keys:read' },
      { to: '/webhooks', title: { 'pt-BR': 'Webhooks', en: 'Webhooks' }, icon: 'webhook', permission: 'webhooks:read' },
      { to: '/events', title: { 'pt-BR': 'Eventos', en: 'Events' }, icon: 'activity', permission: 'pix:read' },
      { to: '/requests', title: { 'pt-BR': 'Chamadas', en: 'Requests' }, icon: 'terminal', permission: 'requests:read' },
    ],
  },
  {
    title: { 'pt-BR': 'Empresa', en: 'Company' },
    items: [
      { to: '/team', title: { 'pt-BR': 'Equipe', en: 'Team' }, icon: 'users', permission: 'users:read' },
      { to: '/audit', title: { 'pt-BR': 'Auditoria', en: 'Audit' }, icon: 'shield-check', permission: 'audit:read' },
      { to: '/products', title: { 'pt-BR': 'Produtos', en: 'Products' }, icon: 'package', permission: 'accounts:read' },
    ],
  },
]
