import { describe, expect, it } from 'vitest'
import { feeOf, type FeePlan, isFree, parseBasisPoints } from './fees'

const plan = (said: Partial<FeePlan>): FeePlan => ({ fixed: 0, basis_points: 0, minimum: 0, maximum: null, ...said })

describe('a fee', () => {
  // The same table as the platform's own test has.
  it.each([
    [{}, 10_000, 0],
    [{ fixed: 50 }, 10_000, 50],
    [{ basis_points: 99 }, 10_000, 99],
    [{ fixed: 10, basis_points: 99 }, 10_000, 109],
    [{ basis_points: 99, minimum: 30 }, 100, 30],
    [{ basis_points: 99, maximum: 500 }, 1_000_000, 500],
    [{ fixed: 50 }, 30, 30],
    [{ basis_points: 10_000 }, 10_000, 10_000],
    [{ basis_points: 100 }, 49, 0],
    [{ basis_points: 100 }, 50, 1],
    [{ basis_points: 100 }, 149, 1],
    [{ basis_points: 100 }, 150, 2],
  ])('of %j for %i is %i', (said, amount, fee) => {
    expect(feeOf(plan(said), amount)).toBe(fee)
  })

  it.each([0, -1, 1.5, Number.MAX_SAFE_INTEGER])('is not counted for %d', (amount) => {
    expect(() => feeOf(plan({ fixed: 1 }), amount)).toThrow(RangeError)
  })

  it('is free where nothing is ever kept', () => {
    expect(isFree(plan({}))).toBe(true)
    expect(isFree(plan({ basis_points: 99, maximum: 0 }))).toBe(true)
    expect(isFree(plan({ minimum: 1 }))).toBe(false)
  })
})

describe('a percentage that somebody types', () => {
  it.each([
    ['0,99', 99],
    ['0.99', 99],
    ['1,5 %', 150],
    ['2%', 200],
    ['100', 10_000],
    ['0', 0],
  ])('is understood: %s', (text, points) => {
    expect(parseBasisPoints(text)).toBe(points)
  })

  it.each(['', '%', '-1', '0,999', '100,01', '1,2,3', 'um'])('is not guessed: %s', (text) => {
    expect(parseBasisPoints(text)).toBeNull()
  })
})
