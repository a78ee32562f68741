import { covers, type components } from '@fluxiq/kit'

export type Role = components['schemas']['Role']
export type User = components['schemas']['User']

export const ROLES: readonly Role[] = ['owner', 'manager', 'operator']

/** What people of a merchant may: as the API's table of roles, which a test compares. */
export const GRANTS: Record<Role, readonly string[]> = {
  owner: ['*'],
  manager: ['accounts:*', 'pix:*', 'payout_batches:*', 'transfers:*', 'merchants:read', 'fees:read', 'live_data:read'],
  operator: ['accounts:read', 'pix:read', 'pix:write', 'transfers:read', 'transfers:write', 'merchants:read', 'live_data:read'],
}

/** Daily work as people call it, and the permission that it takes. */
export const WORK = [
  { work: 'see', permission: 'pix:read' },
  { work: 'move', permission: 'pix:write' },
  { work: 'transfer', permission: 'transfers:write' },
  { work: 'approve', permission: 'transfers:approve' },
  { work: 'release', permission: 'payout_batches:release' },
  { work: 'accounts', permission: 'accounts:write' },
  { work: 'develop', permission: 'api_keys:write' },
  { work: 'team', permission: 'users:write' },
  { work: 'audit', permission: 'audit:read' },
] as const

export const roleMay = (role: Role, permission: string) => covers(GRANTS[role], permission)

/** Roles that somebody may give: nobody gives more than they have. */
export function rolesToGive(may: (permission: string) => boolean): Role[] {
  return ROLES.filter((role) => GRANTS[role].every(may))
}
