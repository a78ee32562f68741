import type { Balance, Limits } from '../../records'

export type RoomOf = 'balance' | 'payment' | 'day' | 'night'

export interface Room {
  of: RoomOf
  left: number
}

/**
 * What bounds a payment, in the order in which a person thinks of it. A payment of another day is
 * judged on that day: only the limit of each payment is known before.
 */
export function roomsLeft(limits: Limits | undefined, balance: Balance | undefined, isLater: boolean): Room[] {
  const rooms: [RoomOf, number | null | undefined][] = [
    ['balance', isLater ? null : balance?.available],
    ['payment', limits?.per_payment],
    ['day', isLater ? null : limits?.today.left],
    ['night', isLater ? null : limits?.tonight?.left],
  ]
  return rooms.flatMap(([of, left]) => (typeof left === 'number' ? [{ of, left }] : []))
}

/** The room that an amount does not fit into: the narrowest one. Null where it fits. */
export function exceeded(rooms: readonly Room[], amount: number): Room | null {
  const tight = rooms.filter((room) => amount > room.left)
  return tight.reduce<Room | null>((least, room) => (least && least.left <= room.left ? least : room), null)
}
