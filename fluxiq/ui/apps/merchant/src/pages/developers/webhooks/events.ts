/** What merchants are told, by what it is about: as the platform has it, which a test compares. */
export const EVENT_GROUPS = [
  { name: 'pix.charge', types: ['created', 'paid', 'expired', 'cancelled', 'refunded'] },
  { name: 'pix.receipt', types: ['credited'] },
  { name: 'pix.payout', types: ['scheduled', 'processing', 'confirmed', 'failed', 'returned', 'cancelled'] },
  { name: 'pix.refund', types: ['requested', 'completed', 'failed'] },
  { name: 'pix.med', types: ['opened', 'acknowledged', 'closed', 'cancelled', 'return_failed'] },
  { name: 'pix.contest', types: ['reported', 'accepted', 'refused', 'rejected', 'cancelled'] },
  { name: 'transfer', types: ['completed', 'failed'] },
  { name: 'account', types: ['created', 'updated', 'blocked', 'limits_changed'] },
  { name: 'merchant', types: ['fee_changed'] },
  { name: 'webhook', types: ['disabled'] },
] as const

export type GroupName = (typeof EVENT_GROUPS)[number]['name']

const typesOf = ({ name, types }: (typeof EVENT_GROUPS)[number]) => types.map((one) => `${name}.${one}`)

export const EVENT_TYPES: readonly string[] = EVENT_GROUPS.flatMap(typesOf)

const fits = (type: string, wanted: string) => type === wanted || (wanted.endsWith('*') && type.startsWith(wanted.slice(0, -1)))

export const isWanted = (type: string, wanted: readonly string[]) => wanted.some((one) => fits(type, one))

export const isWholeGroup = (name: GroupName, wanted: readonly string[]) => wanted.some((one) => fits(`${name}.`, one))

/** The same wish in groups and types, the only words that the picker knows: `pix.*` is each of its groups. */
export function inGroups(wanted: readonly string[]): string[] {
  return EVENT_GROUPS.flatMap((group) =>
    isWholeGroup(group.name, wanted) ? [`${group.name}.*`] : typesOf(group).filter((type) => isWanted(type, wanted)),
  )
}

/** With a whole group, or without anything of it. */
export function withGroup(name: GroupName, is: boolean, wanted: readonly string[]): string[] {
  const others = wanted.filter((one) => !one.startsWith(`${name}.`))
  return inGroups(is ? [...others, `${name}.*`] : others)
}

/** With one type, or without it: of a whole group, the others stay one by one. */
export function withType(type: string, is: boolean, wanted: readonly string[]): string[] {
  if (is) return inGroups([...wanted, type])
  return inGroups(EVENT_TYPES.filter((one) => one !== type && isWanted(one, wanted)).concat(wanted.filter((one) => one.endsWith('*') && !fits(type, one))))
}
