import { describe, expect, it } from 'vitest'
import schema from '../../../../../../packages/kit/src/api/schema.d.ts?raw'
import { ALL_SCOPES, isWeighty, PRESETS, scopesOf } from './scopes'

const NOT_A_MERCHANTS = /^(own|institution|operations):|^(med|live_data):write$/

describe('the scopes of a key', () => {
  it('are the permissions that the endpoints of the API ask for', () => {
    const asked = new Set([...schema.matchAll(/Needs the permission `([\w:]+)`/g)].map((one) => one[1]!))
    const ofMerchants = [...asked].filter((one) => !NOT_A_MERCHANTS.test(one))
    expect([...ALL_SCOPES].sort()).toEqual(ofMerchants.sort())
  })

  it.each(PRESETS)('of the preset %s exist', (preset) => {
    for (const scope of scopesOf(preset, ['pix:read'], () => true)) expect([...ALL_SCOPES, '*']).toContain(scope)
  })

  it('are none that whoever makes the key may not give', () => {
    expect(scopesOf('shop', [], (scope) => scope.startsWith('pix:'))).toEqual(['pix:read', 'pix:write'])
  })

  it.each([
    [['*'], true],
    [['transfers:*'], true],
    [['pix:*', 'accounts:read'], false],
    [[], false],
  ])('%j decide what two people should: %s', (scopes, isSo) => {
    expect(isWeighty(scopes)).toBe(isSo)
  })
})
