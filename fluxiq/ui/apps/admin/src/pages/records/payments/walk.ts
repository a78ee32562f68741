import type { IconName } from '@fluxiq/kit'
import type { Step } from '../shared/records'

export const ROOMS = ['door', 'counter', 'visitors_book', 'post_room', 'study', 'vault', 'archive', 'gate', 'courier', 'window'] as const
export type RoomName = (typeof ROOMS)[number]

/** One stop of a payment's way: what it spent in the room, and on the way there. */
export interface Stop {
  /** Null: a room that this page does not know yet. */
  room: RoomName | null
  called: string
  at: string
  tookMs: number
  waitedMs: number
  /** Of the longest stay, from 0 to 1. */
  share: number
  detail: string
}

export const ROOM_ICONS: Record<RoomName, IconName> = {
  door: 'arrow-down-left',
  counter: 'user-check',
  visitors_book: 'edit',
  post_room: 'inbox',
  study: 'search',
  vault: 'lock',
  archive: 'database',
  gate: 'arrow-up-right',
  courier: 'webhook',
  window: 'monitor',
}

/** The steps of a walk as stops of a path. Rooms overlap where two work at once: nobody waited then. */
export function pathOf(steps: readonly Step[]): Stop[] {
  const longest = Math.max(...steps.map((step) => step.milliseconds), Number.MIN_VALUE)
  let leftAt = Number.POSITIVE_INFINITY
  return steps.map((step) => {
    const entered = Date.parse(step.entered_at)
    const waitedMs = Math.max(0, entered - leftAt)
    leftAt = Math.max(leftAt === Number.POSITIVE_INFINITY ? 0 : leftAt, Date.parse(step.left_at))
    return {
      room: ROOMS.find((one) => one === step.room) ?? null,
      called: step.room,
      at: step.entered_at,
      tookMs: step.milliseconds,
      waitedMs,
      share: step.milliseconds / longest,
      detail: step.detail,
    }
  })
}

/** From the first door to the last one, in milliseconds. */
export function wholeWalkMs(steps: readonly Step[]): number {
  const first = steps[0]
  if (!first) return 0
  const lastLeft = Math.max(...steps.map((step) => Date.parse(step.left_at)))
  return Math.max(0, lastLeft - Date.parse(first.entered_at))
}
