import type { RouteRecordRaw } from 'vue-router'

type Page = () => Promise<unknown>

function page(path: string, pt: string, en: string, component: Page): RouteRecordRaw {
  return { path, component, meta: { title: { 'pt-BR': pt, en }, permission: 'operations:read' } }
}

/** The running system: what lives in it, what fell, and whether the books are right. */
export const systemRoutes: RouteRecordRaw[] = [
  page('/tree', 'Árvore de supervisão', 'Supervision tree', () => import('./pages/system/tree/Tree.vue')),
  page('/processes', 'Processos', 'Processes', () => import('./pages/system/processes/Processes.vue')),
  page('/crashes', 'Quedas', 'Crashes', () => import('./pages/system/crashes/Crashes.vue')),
  page('/crashes/:fingerprint', 'Queda', 'Crash', () => import('./pages/system/crashes/Crash.vue')),
  page('/ledger', 'Razão', 'Ledger', () => import('./pages/system/ledger/Ledger.vue')),
  page('/reconciliation', 'Conciliação', 'Reconciliation', () => import('./pages/system/reconciliation/Reconciliation.vue')),
  page('/reconciliation/:id', 'Diferença', 'Difference', () => import('./pages/system/reconciliation/Difference.vue')),
]
