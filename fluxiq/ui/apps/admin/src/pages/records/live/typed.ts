/** What is typed about flags and rates, as the platform takes it; null where it would not. */

const FLAG = /^[a-z][a-z0-9_.]{0,62}$/
const PAIR = /^([A-Z]{3})-([A-Z]{3})$/
const RATE = /^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,10})?$/

export function flagName(text: string): string | null {
  const name = text.trim()
  return FLAG.test(name) ? name : null
}

export function pairOf(text: string): string | null {
  const pair = text.trim().toUpperCase()
  const found = PAIR.exec(pair)
  return found && found[1] !== found[2] ? pair : null
}

/** A decimal text with a dot: no float touches a rate. */
export function rateOf(text: string): string | null {
  const rate = text.trim().replace(',', '.')
  return RATE.test(rate) && !/^[0.]+$/.test(rate) ? rate : null
}

export function percentageOf(text: string): number | null {
  return /^(?:100|[0-9]{1,2})$/.test(text.trim()) ? Number(text) : null
}
