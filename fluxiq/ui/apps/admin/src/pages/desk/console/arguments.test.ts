import { describe, expect, it } from 'vitest'
import { askedFor, readArgument, typeOf } from './arguments'

describe('the arguments of a verb', () => {
  it('are those without the reason', () => {
    expect(askedFor({ verb: 'job_retry', kind: 'deed', arguments: ['institution', 'id', 'reason'] })).toEqual(['institution', 'id'])
  })

  it('are texts unless known to be something else', () => {
    expect(typeOf('jobs', 'institution')).toBe('text')
    expect(typeOf('jobs', 'limit')).toBe('number')
    expect(typeOf('a_room_added_it', 'colour')).toBe('text')
  })

  it('name a record by its number where the database numbers it', () => {
    expect(typeOf('dead_letter', 'id')).toBe('number')
    expect(typeOf('dead_letter_replay', 'id')).toBe('number')
    expect(typeOf('reconciliation_difference', 'id')).toBe('number')
    expect(typeOf('job', 'id')).toBe('text')
    expect(typeOf('approvals_approve', 'id')).toBe('text')
  })
})

describe('what was written in a box', () => {
  it('says nothing when it is empty', () => {
    expect(readArgument('text', '  ')).toBeNull()
    expect(readArgument('number', '')).toBeNull()
  })

  it('keeps digits a text where a text is meant', () => {
    expect(readArgument('text', '12345678')).toEqual({ value: '12345678' })
  })

  it('is a whole number, or wrong', () => {
    expect(readArgument('number', ' 50 ')).toEqual({ value: 50 })
    expect(readArgument('number', '1.5')).toEqual({ wrong: 'number' })
    expect(readArgument('number', '9'.repeat(20))).toEqual({ wrong: 'number' })
  })

  it('is an object with something in it, or wrong', () => {
    expect(readArgument('object', '{"max_restarts": 5}')).toEqual({ value: { max_restarts: 5 } })
    expect(readArgument('object', '[1]')).toEqual({ wrong: 'object' })
    expect(readArgument('object', '{}')).toEqual({ wrong: 'object' })
    expect(readArgument('object', '{')).toEqual({ wrong: 'object' })
  })

  it('is a flag, either way', () => {
    expect(readArgument('flag', 'true')).toEqual({ value: true })
    expect(readArgument('flag', 'false')).toEqual({ value: false })
  })
})
