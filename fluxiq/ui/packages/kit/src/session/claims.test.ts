import { describe, expect, it } from 'vitest'
import roles from '../../../../../domain/roles.py?raw'
import { testToken } from '../testing'
import { RESERVED, claimsOf, covers } from './claims'

describe('claims', () => {
  it('are read from the token', () => {
    expect(claimsOf(testToken({ merchant_id: null, password_change: true }))).toEqual({
      userId: 'usr_test',
      sessionId: 'ses_test',
      role: 'owner',
      permissions: ['*'],
      ispb: '12345678',
      merchantId: null,
      mustChangePassword: true,
    })
  })

  it.each(['', 'a.b.c', 'nothing', 'a..c'])('of what is no token are none: %s', (text) => {
    expect(claimsOf(text)).toBeNull()
  })
})

describe('grants', () => {
  it.each([
    [['*'], 'pix:write', true],
    [['*'], 'live_data:read', true],
    [['*'], 'live_data:write', false],
    [['*'], 'operations:read', false],
    [['pix:*'], 'pix:write', true],
    [['pix:read'], 'pix:write', false],
    [['*', 'operations:*'], 'operations:write', true],
    [[], 'pix:read', false],
  ])('%j cover %s: %s', (grants, permission, isCovered) => {
    expect(covers(grants, permission)).toBe(isCovered)
  })

  it('leave out the same as the API', () => {
    const words = (pattern: RegExp) => [...pattern.exec(roles)![1]!.matchAll(/"([\w:*]+)"/g)].map((one) => one[1]!)
    const actions = words(/for action in \((.*)\)/)
    const ofInstitution = words(/for resource in \((.*)\)/).flatMap((one) => actions.map((action) => `${one}:${action}`))
    const names = [...ofInstitution, ...words(/^RESERVED: Final = INSTITUTION_ONLY \| (\{.*\})/m)]
    expect(new Set(names)).toEqual(RESERVED)
  })
})
