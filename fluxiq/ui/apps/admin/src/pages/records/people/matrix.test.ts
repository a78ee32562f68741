import { describe, expect, it } from 'vitest'
import { concerning, matching, matrixOf } from './matrix'

const document = {
  paths: {
    '/api/v1/flags': {
      parameters: [],
      get: { summary: 'Flags', 'x-permission': 'live_data:read', 'x-roles': { merchant: ['owner'], institution: ['owner', 'manager'] } },
    },
    '/api/v1/flags/{name}': {
      put: { summary: 'Set a flag', 'x-permission': 'live_data:write', 'x-roles': { merchant: [], institution: ['owner'] } },
    },
    '/api/v1/rates': {
      get: { summary: 'Rates', 'x-permission': 'live_data:read', 'x-roles': { merchant: ['owner', 'operator'], institution: [] } },
    },
    '/health': { get: { summary: 'Health', 'x-permission': 'public' } },
  },
}

describe('the permission matrix', () => {
  const rows = matrixOf(document)

  it('has a row for each permission, and none for what is public', () => {
    expect(rows.map((row) => row.permission)).toEqual(['live_data:read', 'live_data:write'])
  })

  it('joins the endpoints of a permission with the roles that have it', () => {
    expect(rows[0]?.endpoints.map((one) => `${one.method} ${one.path}`)).toEqual(['GET /api/v1/flags', 'GET /api/v1/rates'])
    expect(rows[0]?.reach).toEqual({ merchant: { owner: 2, operator: 1 }, institution: { owner: 1, manager: 1 } })
  })

  it('finds a permission by its name, its paths, and what they do', () => {
    expect(matching(rows, 'RATES').map((row) => row.permission)).toEqual(['live_data:read'])
    expect(matching(rows, 'set a').map((row) => row.permission)).toEqual(['live_data:write'])
    expect(matching(rows, ' ')).toHaveLength(2)
  })

  it('leaves out what is nobody’s of an audience', () => {
    expect(concerning(rows, 'merchant').map((row) => row.permission)).toEqual(['live_data:read'])
    expect(concerning(rows, 'institution')).toHaveLength(2)
  })

  it('is empty of a document without paths', () => {
    expect(matrixOf({})).toEqual([])
  })
})
