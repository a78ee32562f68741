import type { NavigationGroup } from '@fluxiq/kit'

const READ = 'operations:read'

export const deskNavigation: NavigationGroup[] = [
  {
    title: { 'pt-BR': 'Trabalho', en: 'Work' },
    items: [
      { to: '/approvals', title: { 'pt-BR': 'Aprovações', en: 'Approvals' }, icon: 'user-check', permission: READ },
      { to: '/streams', title: { 'pt-BR': 'Filas', en: 'Streams' }, icon: 'layers', permission: READ },
      { to: '/dead-letters', title: { 'pt-BR': 'Mensagens paradas', en: 'Dead letters' }, icon: 'inbox', permission: READ },
      { to: '/holds', title: { 'pt-BR': 'Reservas', en: 'Holds' }, icon: 'lock', permission: READ },
      { to: '/jobs', title: { 'pt-BR': 'Tarefas', en: 'Jobs' }, icon: 'calendar', permission: READ },
      { to: '/webhooks', title: { 'pt-BR': 'Webhooks', en: 'Webhooks' }, icon: 'webhook', permission: READ },
    ],
  },
  {
    title: { 'pt-BR': 'Plataforma', en: 'Platform' },
    items: [
      { to: '/providers', title: { 'pt-BR': 'Provedores', en: 'Providers' }, icon: 'link', permission: READ },
      { to: '/simulator', title: { 'pt-BR': 'Simulador', en: 'Simulator' }, icon: 'sparkles', permission: READ },
      { to: '/sealing', title: { 'pt-BR': 'Cifra e retenção', en: 'Sealing and retention' }, icon: 'key', permission: READ },
      { to: '/settings', title: { 'pt-BR': 'Configuração', en: 'Settings' }, icon: 'settings', permission: READ },
      { to: '/console', title: { 'pt-BR': 'Console', en: 'Console' }, icon: 'terminal', permission: 'operations:write' },
    ],
  },
]
