import type { NavigationGroup } from '@fluxiq/kit'
import { developerNavigation } from './developerNavigation'

export const navigation: NavigationGroup[] = [
  {
    items: [{ to: '/', title: { 'pt-BR': 'Painel', en: 'Dashboard' }, icon: 'bar-chart', permission: 'pix:read' }],
  },
  {
    title: { 'pt-BR': 'Receber', en: 'Get paid' },
    items: [
      { to: '/charges', title: { 'pt-BR': 'Cobranças', en: 'Charges' }, icon: 'qr-code', permission: 'pix:read' },
      { to: '/poster', title: { 'pt-BR': 'Cartaz com QR', en: 'QR poster' }, icon: 'printer', permission: 'pix:write' },
      { to: '/payers', title: { 'pt-BR': 'Pagadores', en: 'Payers' }, icon: 'users', permission: 'pix:read' },
      { to: '/refunds', title: { 'pt-BR': 'Devoluções', en: 'Refunds' }, icon: 'undo', permission: 'pix:read' },
    ],
  },
  {
    title: { 'pt-BR': 'Pagar', en: 'Pay' },
    items: [
      { to: '/payouts', title: { 'pt-BR': 'Pagamentos', en: 'Payments' }, icon: 'send', permission: 'pix:read' },
      { to: '/scheduled', title: { 'pt-BR': 'Agendados', en: 'Scheduled' }, icon: 'calendar', permission: 'pix:read' },
      { to: '/batches', title: { 'pt-BR': 'Lotes', en: 'Batches' }, icon: 'layers', permission: 'pix:read' },
    ],
  },
  {
    title: { 'pt-BR': 'Dinheiro', en: 'Money' },
    items: [
      { to: '/accounts', title: { 'pt-BR': 'Contas e saldos', en: 'Accounts' }, icon: 'wallet', permission: 'accounts:read' },
      { to: '/statement', title: { 'pt-BR': 'Extrato', en: 'Statement' }, icon: 'file-text', permission: 'accounts:read' },
      { to: '/settlements', title: { 'pt-BR': 'Repasses', en: 'Settlements' }, icon: 'bank', permission: 'transfers:read' },
      { to: '/fees', title: { 'pt-BR': 'Tarifas', en: 'Fees' }, icon: 'receipt', permission: 'fees:read' },
      { to: '/transfers', title: { 'pt-BR': 'Transferências', en: 'Transfers' }, icon: 'arrow-left-right', permission: 'transfers:read' },
      { to: '/limits', title: { 'pt-BR': 'Limites Pix', en: 'Pix limits' }, icon: 'scale', permission: 'accounts:read' },
    ],
  },
  ...developerNavigation,
  {
    title: { 'pt-BR': 'Você', en: 'You' },
    items: [{ to: '/security', title: { 'pt-BR': 'Segurança', en: 'Security' }, icon: 'lock' }],
  },
]
