import { defineWords } from '@fluxiq/kit'

/** Kinds of what happens to a process; a kind that is not here is shown as it came. */
export const eventWords = defineWords({
  'pt-BR': {
    started: 'subiu',
    start_failed: 'não subiu',
    crashed: 'caiu',
    exited: 'saiu sozinho',
    restarting: 'vai voltar',
    stopped: 'parou',
    overdue: 'não parou a tempo',
    stuck: 'travado',
    quarantined: 'quarentena',
    gave_up: 'desistiu',
    dead_letters: 'mensagens sem dono',
    double_reply: 'resposta dupla',
    requested: 'pedido',
    released: 'liberado',
    suspended: 'suspenso',
    resumed: 'retomado',
    state_replaced: 'memória trocada',
    spec_changed: 'especificação mudada',
    phase: 'fase',
    unknown_message: 'mensagem estranha',
    redelivered: 'mensagens reentregues',
    fenced: 'substituído',
    observer_failed: 'observador falhou',
  },
  en: {
    started: 'started',
    start_failed: 'did not start',
    crashed: 'crashed',
    exited: 'exited',
    restarting: 'restarting',
    stopped: 'stopped',
    overdue: 'overdue',
    stuck: 'stuck',
    quarantined: 'quarantined',
    gave_up: 'gave up',
    dead_letters: 'dead letters',
    double_reply: 'double reply',
    requested: 'requested',
    released: 'released',
    suspended: 'suspended',
    resumed: 'resumed',
    state_replaced: 'state replaced',
    spec_changed: 'spec changed',
    phase: 'phase',
    unknown_message: 'unknown message',
    redelivered: 'redelivered',
    fenced: 'fenced',
    observer_failed: 'observer failed',
  },
})

export type EventKind = keyof NonNullable<(typeof eventWords)['of']> & string

export function isEventKind(kind: string): kind is EventKind {
  return kind in eventWords.texts.en
}
