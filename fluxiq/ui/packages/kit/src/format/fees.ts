/** What is kept of a payment received: centavos, and hundredths of a percent. */
export interface FeePlan {
  fixed: number
  basis_points: number
  minimum: number
  maximum: number | null
}

export const BASIS_POINTS_MAX = 10_000

/** The most for which `feeOf` counts without a fraction: R$ 9 billion, far above any payment. */
const AMOUNT_MAX = Math.floor((Number.MAX_SAFE_INTEGER - BASIS_POINTS_MAX) / BASIS_POINTS_MAX)

/** As the platform counts (`fluxiq.domain.fee`): the share rounded half up, then the bounds. */
export function feeOf(plan: FeePlan, amount: number): number {
  if (!Number.isInteger(amount) || amount < 1 || amount > AMOUNT_MAX) throw new RangeError(`${amount} is not received`)
  const share = Math.floor((amount * plan.basis_points + BASIS_POINTS_MAX / 2) / BASIS_POINTS_MAX)
  const fee = Math.max(plan.fixed + share, plan.minimum)
  return Math.min(fee, plan.maximum ?? fee, amount)
}

export function isFree(plan: FeePlan): boolean {
  return (plan.fixed === 0 && plan.basis_points === 0 && plan.minimum === 0) || plan.maximum === 0
}

/** Hundredths of a percent of what somebody typed: `0,99`, `1.5`, `2%`. Null when it is none. */
export function parseBasisPoints(text: string): number | null {
  const match = /^(\d{1,3})(?:[.,](\d{1,2}))?$/.exec(text.replace(/[\s%]/g, ''))
  if (match === null) return null
  const points = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  return points <= BASIS_POINTS_MAX ? points : null
}
