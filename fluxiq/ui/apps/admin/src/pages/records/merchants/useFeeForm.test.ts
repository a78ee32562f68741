import { expect, it } from 'vitest'
import { useFeeForm } from './useFeeForm'

it('begins with what is agreed, and asks for a new reason', () => {
  const { form, begin, plan, said, wrong } = useFeeForm()
  begin({ fixed: 10, basis_points: 99, minimum: 0, maximum: 500 })
  expect(form.share).toBe('0,99%')
  expect(plan.value).toEqual({ fixed: 10, basis_points: 99, minimum: 0, maximum: 500 })
  expect([wrong.value.reason, said.value]).toEqual([true, null])

  form.reason = ' contract 17 '
  expect(said.value).toEqual({ fixed: 10, basis_points: 99, minimum: 0, maximum: 500, reason: 'contract 17' })
})

it('is no plan while a percentage or the bounds make no sense', () => {
  const { form, begin, plan, wrong } = useFeeForm()
  begin(null)
  expect(plan.value).toEqual({ fixed: 0, basis_points: 0, minimum: 0, maximum: null })

  form.share = '0,999'
  expect([plan.value, wrong.value.share]).toEqual([null, true])
  Object.assign(form, { share: '1', minimum: 100, maximum: 99 })
  expect([plan.value, wrong.value.maximum]).toEqual([null, true])
})
