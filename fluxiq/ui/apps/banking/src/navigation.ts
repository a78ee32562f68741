import type { NavigationGroup } from '@fluxiq/kit'

export const navigation: NavigationGroup[] = [
  {
    title: { 'pt-BR': 'Dia a dia', en: 'Everyday' },
    items: [
      { to: '/', title: { 'pt-BR': 'Início', en: 'Home' }, icon: 'home', permission: 'accounts:read' },
      { to: '/statement', title: { 'pt-BR': 'Extrato', en: 'Statement' }, icon: 'file-text', permission: 'accounts:read' },
      { to: '/send', title: { 'pt-BR': 'Pagar', en: 'Pay' }, icon: 'send', permission: 'pix:write' },
      { to: '/receive', title: { 'pt-BR': 'Receber', en: 'Receive' }, icon: 'qr-code', permission: 'pix:write' },
      { to: '/transfer', title: { 'pt-BR': 'Transferir', en: 'Transfer' }, icon: 'arrow-left-right', permission: 'transfers:write' },
    ],
  },
  {
    title: { 'pt-BR': 'Movimentos', en: 'Activity' },
    items: [
      { to: '/charges', title: { 'pt-BR': 'Cobranças', en: 'Charges' }, icon: 'receipt', permission: 'pix:read' },
      { to: '/payouts', title: { 'pt-BR': 'Pagamentos', en: 'Payments' }, icon: 'arrow-up-right', permission: 'pix:read' },
      { to: '/scheduled', title: { 'pt-BR': 'Agendados', en: 'Scheduled' }, icon: 'calendar', permission: 'pix:read' },
      { to: '/refunds', title: { 'pt-BR': 'Devoluções', en: 'Refunds' }, icon: 'undo', permission: 'pix:read' },
      { to: '/transfers', title: { 'pt-BR': 'Transferências', en: 'Transfers' }, icon: 'repeat', permission: 'transfers:read' },
    ],
  },
  {
    title: { 'pt-BR': 'Sua conta', en: 'Your account' },
    items: [
      { to: '/notifications', title: { 'pt-BR': 'Avisos', en: 'Notifications' }, icon: 'bell', permission: 'pix:read' },
      { to: '/limits', title: { 'pt-BR': 'Limites Pix', en: 'Pix limits' }, icon: 'scale', permission: 'accounts:read' },
      { to: '/reports', title: { 'pt-BR': 'Relatos de fraude', en: 'Fraud reports' }, icon: 'shield-alert', permission: 'pix:read' },
      { to: '/profile', title: { 'pt-BR': 'Perfil e privacidade', en: 'Profile and privacy' }, icon: 'user' },
      { to: '/security', title: { 'pt-BR': 'Segurança', en: 'Security' }, icon: 'lock' },
    ],
  },
]
