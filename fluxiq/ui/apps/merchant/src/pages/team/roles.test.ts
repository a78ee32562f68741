import { covers } from '@fluxiq/kit'
import { describe, expect, it } from 'vitest'
import table from '../../../../../../domain/roles.py?raw'
import { GRANTS, ROLES, roleMay, rolesToGive } from './roles'

describe('the roles of a merchant', () => {
  it('grant what the API grants', () => {
    const ofMerchant = /OF_MERCHANT: [^{]*\{([\s\S]*?)\n {4}\}/.exec(table)![1]!
    for (const role of ROLES) {
      const listed = new RegExp(`Role\\.${role.toUpperCase()}: \\(([^)]*)\\)`).exec(ofMerchant)![1]!
      expect([...listed.matchAll(/"([\w:*]+)"/g)].map((one) => one[1])).toEqual(GRANTS[role])
    }
  })

  it('tell owners from managers and operators', () => {
    expect(ROLES.map((role) => roleMay(role, 'users:write'))).toEqual([true, false, false])
    expect(ROLES.map((role) => roleMay(role, 'transfers:approve'))).toEqual([true, true, false])
    expect(ROLES.map((role) => roleMay(role, 'pix:write'))).toEqual([true, true, true])
  })

  it('are given by who has as much', () => {
    expect(rolesToGive((one) => covers(GRANTS.owner, one))).toEqual(['owner', 'manager', 'operator'])
    expect(rolesToGive((one) => covers(GRANTS.manager, one))).toEqual(['manager', 'operator'])
    expect(rolesToGive((one) => covers(GRANTS.operator, one))).toEqual(['operator'])
  })
})
