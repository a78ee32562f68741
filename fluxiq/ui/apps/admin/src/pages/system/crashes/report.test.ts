import { describe, expect, it } from 'vitest'
import { ancestorsOf, eventsOf, raisedOf } from './report'

describe('the report of a crash', () => {
  it('reads an exception, its frames and its cause', () => {
    const raised = raisedOf({
      type: 'ValueError',
      message: 'no',
      notes: ['look here'],
      frames: [{ function: 'f', file: 'a.py', line: 3 }],
      cause: { type: 'KeyError', message: 'k' },
      context: null,
    })
    expect(raised).toMatchObject({ type: 'ValueError', frames: [{ function: 'f', file: 'a.py', line: 3 }], cause: { type: 'KeyError' }, context: null })
  })

  it('reads the exceptions of a group', () => {
    const raised = raisedOf({ type: 'ExceptionGroup', message: 'two', exceptions: [{ type: 'A' }, { type: 'B' }, 'garbage'] })
    expect(raised?.exceptions.map((one) => one.type)).toEqual(['A', 'B'])
  })

  it('takes whatever else it is as nothing', () => {
    expect([raisedOf(null), raisedOf('text'), raisedOf({ message: 'no type' })]).toEqual([null, null, null])
    expect([eventsOf({}), ancestorsOf({ ancestors: 'no list' })]).toEqual([[], []])
  })

  it('does not follow a chain for ever', () => {
    const circle: Record<string, unknown> = { type: 'Circle' }
    circle['cause'] = circle
    expect(JSON.stringify(raisedOf(circle)).length).toBeLessThan(5000)
  })
})
