/**
 * What an access token says of who holds it: to show, and to leave out what would be refused. Whether
 * it is true is the API's to say, at every call.
 */
export interface Claims {
  userId: string
  sessionId: string
  role: 'owner' | 'manager' | 'operator'
  permissions: string[]
  ispb: string
  merchantId: string | null
  mustChangePassword: boolean
}

/** What `*` does not cover: as `RESERVED` of fluxiq/domain/roles.py, which a test compares. */
export const RESERVED = new Set([
  'live_data:write',
  'live_data:*',
  'med:write',
  'med:*',
  'operations:read',
  'operations:write',
  'operations:*',
  'institution:read',
  'institution:write',
  'institution:*',
])

export function claimsOf(token: string): Claims | null {
  const payload = token.split('.')[1]
  if (payload === undefined) return null
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0))
    const said = JSON.parse(new TextDecoder().decode(bytes))
    return {
      userId: said.sub,
      sessionId: said.sid,
      role: said.roles[0],
      permissions: said.permissions,
      ispb: said.ispb,
      merchantId: said.merchant_id ?? null,
      mustChangePassword: said.password_change ?? false,
    }
  } catch {
    return null
  }
}

/** Whether one of `grants` covers `permission`: itself, `resource:*` or, unless reserved, `*`. */
export function covers(grants: readonly string[], permission: string): boolean {
  const resource = permission.split(':')[0]
  return (
    grants.includes(permission) ||
    grants.includes(`${resource}:*`) ||
    (!RESERVED.has(permission) && grants.includes('*'))
  )
}
