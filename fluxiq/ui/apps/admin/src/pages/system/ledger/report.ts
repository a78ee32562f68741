/** What a proof says of one institution. */
export interface Report {
  institution: string
  findings: string[]
  transfers: number
  records: number
  epoch: number
}

export function reportOf(plain: Record<string, unknown>): Report {
  const findings = Array.isArray(plain.findings) ? plain.findings : []
  return {
    institution: String(plain.institution ?? ''),
    findings: findings.map(findingText),
    transfers: Number(plain.transfers) || 0,
    records: Number(plain.records) || 0,
    epoch: Number(plain.epoch) || 0,
  }
}

function findingText(finding: unknown): string {
  if (typeof finding === 'object' && finding !== null && 'invariant' in finding && 'what' in finding) {
    return `${String(finding.invariant)}: ${String(finding.what)}`
  }
  return typeof finding === 'string' ? finding : JSON.stringify(finding)
}
