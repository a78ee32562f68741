import type { NavigationGroup } from '@fluxiq/kit'

const READ = 'operations:read'

export const systemNavigation: NavigationGroup = {
  title: { 'pt-BR': 'Sistema', en: 'System' },
  items: [
    { to: '/tree', title: { 'pt-BR': 'Árvore', en: 'Tree' }, icon: 'tree', permission: READ },
    { to: '/processes', title: { 'pt-BR': 'Processos', en: 'Processes' }, icon: 'server', permission: READ },
    { to: '/crashes', title: { 'pt-BR': 'Quedas', en: 'Crashes' }, icon: 'zap', permission: READ },
    { to: '/ledger', title: { 'pt-BR': 'Razão', en: 'Ledger' }, icon: 'database', permission: READ },
    { to: '/reconciliation', title: { 'pt-BR': 'Conciliação', en: 'Reconciliation' }, icon: 'scale', permission: READ },
  ],
}
