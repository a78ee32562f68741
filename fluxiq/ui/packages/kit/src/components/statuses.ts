import type { components } from '../api/schema'
import type { IconName } from './icons'
import type { Tone } from './tones'

export type StatusLook = { tone: Tone; icon: IconName; 'pt-BR': string; en: string }

const look = (tone: Tone, icon: IconName, pt: string, en: string): StatusLook => ({ tone, icon, 'pt-BR': pt, en })

const good = (pt: string, en: string) => look('good', 'check-circle', pt, en)
const bad = (pt: string, en: string) => look('bad', 'x-circle', pt, en)
const underWay = (pt: string, en: string) => look('info', 'loader', pt, en)
const waits = (pt: string, en: string) => look('info', 'clock', pt, en)
const wants = (pt: string, en: string) => look('warn', 'alert-triangle', pt, en)
const over = (pt: string, en: string) => look('muted', 'ban', pt, en)

const CANCELLED = over('Cancelado', 'Cancelled')
const FAILED = bad('Falhou', 'Failed')
const COMPLETED = good('Concluído', 'Completed')
const ACTIVE = good('Ativo', 'Active')

type Looks<Status extends string = string> = Record<Status, StatusLook>
type Of = components['schemas']

/** Statuses that the API's document enumerates: one of them without a look does not compile. */
type Enumerated = {
  charge: Looks<Of['ChargeStatus']>
  payout: Looks<Of['PayoutStatus']>
  refund: Looks<Of['RefundStatus']>
  transfer: Looks<Of['TransferLifeStatus']>
  account: Looks<Of['AccountStatus']>
  delivery: Looks<Of['DeliveryStatus']>
  endpoint: Looks<Of['EndpointStatus']>
  person: Looks<Of['UserStatus']>
  med: Looks<Of['MedStatus'] | Of['InfractionStatus']>
  contest: Looks<Of['ContestStatus']>
}

/** In words that a person uses. What is not here is shown as it came. */
const STATUSES = {
  charge: {
    pending: waits('Aguardando', 'Pending'),
    paid: good('Paga', 'Paid'),
    expired: look('muted', 'clock', 'Expirada', 'Expired'),
    cancelled: over('Cancelada', 'Cancelled'),
    refunded: look('muted', 'undo', 'Devolvida', 'Refunded'),
  },
  payout: {
    scheduled: look('info', 'calendar', 'Agendado', 'Scheduled'),
    processing: underWay('Em andamento', 'In progress'),
    confirmed: good('Confirmado', 'Confirmed'),
    failed: bad('Não realizado', 'Failed'),
    returned: look('warn', 'undo', 'Devolvido', 'Returned'),
    cancelled: CANCELLED,
  },
  refund: {
    processing: underWay('Em andamento', 'In progress'),
    completed: good('Concluída', 'Completed'),
    failed: FAILED,
  },
  transfer: {
    pending: look('warn', 'user-check', 'Aguarda aprovação', 'Awaiting approval'),
    completed: good('Concluída', 'Completed'),
    failed: bad('Não realizada', 'Failed'),
  },
  receipt: {
    credited: good('Recebido', 'Received'),
    unidentified: wants('Não identificado', 'Unidentified'),
  },
  account: {
    active: good('Ativa', 'Active'),
    inactive: over('Inativa', 'Inactive'),
    blocked: look('bad', 'lock', 'Bloqueada', 'Blocked'),
  },
  delivery: {
    pending: waits('Na fila', 'Queued'),
    delivered: good('Entregue', 'Delivered'),
    failed: bad('Desistimos', 'Gave up'),
  },
  process: {
    starting: underWay('Iniciando', 'Starting'),
    running: good('No ar', 'Running'),
    stopping: underWay('Parando', 'Stopping'),
    backing_off: wants('Esperando para voltar', 'Backing off'),
    quarantined: look('bad', 'shield-alert', 'Em quarentena', 'Quarantined'),
    suspended: look('warn', 'pause', 'Suspenso', 'Suspended'),
    done: over('Encerrado', 'Done'),
  },
  batch: {
    awaiting_release: look('warn', 'user-check', 'Aguarda liberação', 'Awaiting release'),
    releasing: underWay('Liberando', 'Releasing'),
    released: good('Liberado', 'Released'),
    rejected: bad('Recusado', 'Rejected'),
    expired: look('muted', 'clock', 'Expirado', 'Expired'),
  },
  job: {
    scheduled: look('info', 'calendar', 'Agendado', 'Scheduled'),
    available: waits('Pronto', 'Ready'),
    executing: underWay('Executando', 'Executing'),
    retryable: wants('Tentará de novo', 'Will retry'),
    completed: COMPLETED,
    discarded: bad('Descartado', 'Discarded'),
    cancelled: CANCELLED,
  },
  breaker: {
    closed: good('Fechado', 'Closed'),
    suspect: wants('Sob suspeita', 'Suspect'),
    open: bad('Aberto', 'Open'),
    half_open: wants('Meio aberto', 'Half open'),
    recovering: underWay('Recuperando', 'Recovering'),
    forced_open: look('bad', 'lock', 'Aberto à força', 'Forced open'),
    forced_closed: look('warn', 'lock', 'Fechado à força', 'Forced closed'),
    unconfigured: over('Não configurado', 'Not configured'),
  },
  endpoint: {
    enabled: good('Ativo', 'Enabled'),
    disabled: look('warn', 'pause', 'Desativado', 'Disabled'),
    deleted: over('Removido', 'Removed'),
  },
  person: {
    active: ACTIVE,
    locked: look('bad', 'lock', 'Bloqueado', 'Locked'),
    removed: over('Removido', 'Removed'),
  },
  institution: {
    adding: underWay('Entrando', 'Being added'),
    active: good('Ativa', 'Active'),
    suspended: look('warn', 'pause', 'Suspensa', 'Suspended'),
    removing: underWay('Saindo', 'Being removed'),
    removed: over('Removida', 'Removed'),
  },
  approval: {
    proposed: look('warn', 'user-check', 'Aguarda outra pessoa', 'Awaiting another person'),
    approved: good('Aprovado', 'Approved'),
    rejected: bad('Recusado', 'Rejected'),
    expired: look('muted', 'clock', 'Expirado', 'Expired'),
  },
  med: {
    open: wants('Aberta', 'Open'),
    acknowledged: waits('Recebida', 'Acknowledged'),
    agreed: good('Procedente', 'Upheld'),
    disagreed: look('muted', 'x-circle', 'Improcedente', 'Dismissed'),
    closed: good('Encerrada', 'Closed'),
    cancelled: over('Cancelada', 'Cancelled'),
    return_failed: bad('Devolução falhou', 'Return failed'),
  },
  contest: {
    reporting: underWay('A caminho', 'Sending'),
    reported: waits('Com o banco', 'With the bank'),
    acknowledged: waits('Em análise', 'Under review'),
    accepted: good('Aceita', 'Accepted'),
    rejected: bad('Não aceita', 'Not accepted'),
    cancelled: over('Retirada', 'Cancelled'),
    refused: bad('Não pôde seguir', 'Could not proceed'),
  },
  letter: {
    dead: bad('Parada', 'Dead'),
    replayed: good('Reenviada', 'Replayed'),
    discarded: over('Descartada', 'Discarded'),
  },
  difference: {
    open: wants('Aberta', 'Open'),
    healing: underWay('Sendo corrigida', 'Healing'),
    healed: good('Corrigida', 'Healed'),
    resolved: good('Decidida', 'Resolved'),
  },
  run: {
    under_way: underWay('Em andamento', 'In progress'),
    done: COMPLETED,
    abandoned: over('Abandonada', 'Abandoned'),
  },
} satisfies Enumerated & Record<string, Looks>

export type StatusKind = keyof typeof STATUSES

export function statusLook(kind: StatusKind, status: string): StatusLook {
  const looks: Partial<Looks> = STATUSES[kind]
  return looks[status] ?? look('muted', 'circle', status, status)
}
