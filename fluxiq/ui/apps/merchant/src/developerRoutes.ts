import type { RouteRecordRaw } from 'vue-router'
import { page } from './page'

/** For who builds on the API, and for who answers for the company. */
export const developerRoutes: RouteRecordRaw[] = [
  page('/guide', 'Documentação', 'Documentation', () => import('./pages/developers/guide/Guide.vue')),
  page('/api-keys', 'Chaves de API', 'API keys', () => import('./pages/developers/keys/ApiKeys.vue'), 'api_keys:read'),
  page('/api-keys/new', 'Nova chave de API', 'New API key', () => import('./pages/developers/keys/NewKey.vue'), 'api_keys:write'),
  page('/webhooks', 'Webhooks', 'Webhooks', () => import('./pages/developers/webhooks/Webhooks.vue'), 'webhooks:read'),
  page('/webhooks/new', 'Novo webhook', 'New webhook', () => import('./pages/developers/webhooks/NewWebhook.vue'), 'webhooks:write'),
  page('/webhooks/:id', 'Webhook', 'Webhook', () => import('./pages/developers/webhooks/Webhook.vue'), 'webhooks:read'),
  page('/webhooks/:id/deliveries/:delivery', 'Entrega', 'Delivery', () => import('./pages/developers/webhooks/Delivery.vue'), 'webhooks:read'),
  page('/events', 'Eventos', 'Events', () => import('./pages/developers/events/Events.vue'), 'pix:read'),
  page('/events/:id', 'Evento', 'Event', () => import('./pages/developers/events/Event.vue'), 'pix:read'),
  page('/requests', 'Registro de chamadas', 'Request log', () => import('./pages/developers/requests/Requests.vue'), 'requests:read'),

  page('/team', 'Equipe', 'Team', () => import('./pages/team/Team.vue'), 'users:read'),
  page('/team/new', 'Adicionar pessoa', 'Add person', () => import('./pages/team/NewPerson.vue'), 'users:write'),
  page('/audit', 'Auditoria', 'Audit', () => import('./pages/team/Audit.vue'), 'audit:read'),
  page('/products', 'Produtos', 'Products', () => import('./pages/team/Products.vue'), 'accounts:read'),
]
