import { defineWords, duration, time, useWords } from '@fluxiq/kit'
import type { Step } from '../records'

const words = defineWords({
  'pt-BR': {
    door: 'Pedido recebido',
    doorOfBank: 'Aviso do banco',
    counter: 'Pedido, limites e conta conferidos',
    visitors_book: 'Aviso do banco registrado',
    post_room: 'Passou pela fila',
    study: 'Pagamento identificado',
    vault: 'Valor movimentado',
    archive: 'Registrado',
    gate: 'Enviado ao banco',
    courier: 'Seus sistemas avisados',
    window: 'Mostrado na tela',
    took: '{at} · levou {time}',
  },
  en: {
    door: 'Request received',
    doorOfBank: 'Notice from the bank',
    counter: 'Request, limits and account checked',
    visitors_book: 'Bank’s notice recorded',
    post_room: 'Passed through the queue',
    study: 'Payment identified',
    vault: 'Money moved',
    archive: 'Recorded',
    gate: 'Sent to the bank',
    courier: 'Your systems notified',
    window: 'Shown on screen',
    took: '{at} · took {time}',
  },
})

const ROOMS = [
  'door',
  'counter',
  'visitors_book',
  'post_room',
  'study',
  'vault',
  'archive',
  'gate',
  'courier',
  'window',
] as const

/** Without what repeats: each screen that shows it is a step of its own. */
export function worthTelling(walk: readonly Step[]): Step[] {
  return walk.filter((step, place) => step.room !== 'window' || walk[place - 1]?.room !== 'window')
}

/** From where it entered the first room until it left the last one. */
export function lastedSeconds(walk: readonly Step[]): number {
  const [first, last] = [walk[0], walk.at(-1)]
  if (!first || !last) return 0
  return (Date.parse(last.entered_at) + last.milliseconds - Date.parse(first.entered_at)) / 1000
}

/** A payment's walk through the platform, in the words of who paid. */
export function useWalkWords() {
  const { t } = useWords(words)

  function stepOf(step: Step) {
    const spent = duration(step.milliseconds / 1000)
    // Rooms follow within a second: the time of day, not the day, tells them apart.
    return { title: titleOf(step), state: 'done' as const, text: t('took', { at: time(step.entered_at), time: spent }) }
  }

  /** Who came to the door: the one who pays, or later the bank with how it went. */
  function titleOf({ room, detail }: Step): string {
    if (room === 'door') return t(/^(payout$|refund )/.test(detail) ? 'door' : 'doorOfBank')
    const known = ROOMS.find((one) => one === room)
    return known ? t(known) : room
  }
  return { stepOf }
}
