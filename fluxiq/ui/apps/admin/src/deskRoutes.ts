import type { RouteRecordRaw } from 'vue-router'

type Page = () => Promise<unknown>

const READ = 'operations:read'

function page(path: string, pt: string, en: string, component: Page, permission = READ): RouteRecordRaw {
  return { path, component, meta: { title: { 'pt-BR': pt, en }, permission } }
}

/** The operators' desk: work that waits, who it waits for, and what one says to the platform. */
export const deskRoutes: RouteRecordRaw[] = [
  page('/approvals', 'Aprovações', 'Approvals', () => import('./pages/desk/approvals/Approvals.vue')),
  page('/streams', 'Filas', 'Streams', () => import('./pages/desk/streams/Streams.vue')),
  page('/dead-letters', 'Mensagens paradas', 'Dead letters', () => import('./pages/desk/letters/DeadLetters.vue')),
  page('/dead-letters/:id', 'Mensagem parada', 'Dead letter', () => import('./pages/desk/letters/DeadLetter.vue')),
  page('/holds', 'Reservas', 'Holds', () => import('./pages/desk/letters/Holds.vue')),
  page('/jobs', 'Tarefas', 'Jobs', () => import('./pages/desk/jobs/Jobs.vue')),
  page('/jobs/:id', 'Tarefa', 'Job', () => import('./pages/desk/jobs/Job.vue')),
  page('/webhooks', 'Webhooks', 'Webhooks', () => import('./pages/desk/webhooks/Webhooks.vue')),
  page('/providers', 'Provedores', 'Providers', () => import('./pages/desk/providers/Providers.vue')),
  page('/simulator', 'Simulador', 'Simulator', () => import('./pages/desk/simulator/Simulator.vue')),
  page('/sealing', 'Cifra e retenção', 'Sealing and retention', () => import('./pages/desk/sealing/Sealing.vue')),
  page('/settings', 'Configuração', 'Settings', () => import('./pages/desk/settings/Settings.vue')),
  page('/console', 'Console', 'Console', () => import('./pages/desk/console/Console.vue'), 'operations:write'),
]
