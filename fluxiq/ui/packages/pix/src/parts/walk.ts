import { defineWords, duration, time, useWords } from '@fluxiq/kit'
import type { Step } from '../records'

const words = defineWords({
  'pt-BR': {
    door: 'Recebemos o pedido',
    doorOfBank: 'O banco deu notícia',
    counter: 'Conferimos chave, limites e conta',
    visitors_book: 'Registramos o aviso do banco',
    post_room: 'Passou pela fila',
    study: 'Entendemos do que se trata',
    vault: 'O valor foi movimentado',
    archive: 'Ficou registrado',
    gate: 'Enviamos ao banco',
    courier: 'Avisamos seus sistemas',
    window: 'Apareceu na tela',
    took: '{at} · levou {time}',
  },
  en: {
    door: 'We received the request',
    doorOfBank: 'The bank sent word',
    counter: 'We checked key, limits and account',
    visitors_book: 'We wrote down the bank’s notice',
    post_room: 'It went through the queue',
    study: 'We understood what it is',
    vault: 'The money was moved',
    archive: 'It was put on record',
    gate: 'We sent it to the bank',
    courier: 'We told your systems',
    window: 'It appeared on the screen',
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
