/** Who may do what, read from the API's own document: each operation names its permission and the roles that have it. */
export type Audience = 'institution' | 'merchant'
export const AUDIENCES: readonly Audience[] = ['institution', 'merchant']

export interface Endpoint {
  method: string
  path: string
  summary: string
}

export interface MatrixRow {
  permission: string
  /** What comes before the colon: rows of one resource stand together. */
  resource: string
  /** How many of its endpoints a role reaches: some are for the other audience alone. */
  reach: Record<Audience, Record<string, number>>
  endpoints: Endpoint[]
}

type Operation = { summary?: string; 'x-permission'?: string; 'x-roles'?: Partial<Record<Audience, string[]>> }

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** One row a permission, by name. What everybody may needs no row. */
export function matrixOf(document: object): MatrixRow[] {
  const rows = new Map<string, MatrixRow>()
  for (const { endpoint, operation } of operationsOf(document)) {
    const permission = operation['x-permission']
    const roles = operation['x-roles']
    if (permission === undefined || roles === undefined) continue
    const row = rows.get(permission) ?? newRow(permission)
    row.endpoints.push(endpoint)
    for (const audience of AUDIENCES) {
      const reach = row.reach[audience]
      for (const role of roles[audience] ?? []) reach[role] = (reach[role] ?? 0) + 1
    }
    rows.set(permission, row)
  }
  return [...rows.values()].sort((one, other) => one.permission.localeCompare(other.permission))
}

/** Rows in which what somebody looks for occurs: a permission, a path, or what an endpoint does. */
export function matching(rows: readonly MatrixRow[], wanted: string): MatrixRow[] {
  const text = wanted.trim().toLowerCase()
  if (!text) return [...rows]
  return rows.filter(
    ({ permission, endpoints }) =>
      permission.includes(text) ||
      endpoints.some(({ path, summary }) => path.toLowerCase().includes(text) || summary.toLowerCase().includes(text)),
  )
}

/** Without what is nobody's of an audience: a row of dashes says nothing. */
export function concerning(rows: readonly MatrixRow[], audience: Audience): MatrixRow[] {
  return rows.filter((row) => Object.keys(row.reach[audience]).length > 0)
}

function* operationsOf(document: object): Generator<{ endpoint: Endpoint; operation: Operation }> {
  const paths = (document as { paths?: Record<string, Record<string, Operation>> }).paths ?? {}
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS) {
      const operation = item[method]
      if (operation) yield { endpoint: { method: method.toUpperCase(), path, summary: operation.summary ?? '' }, operation }
    }
  }
}

function newRow(permission: string): MatrixRow {
  return { permission, resource: permission.split(':')[0] ?? permission, reach: { institution: {}, merchant: {} }, endpoints: [] }
}
