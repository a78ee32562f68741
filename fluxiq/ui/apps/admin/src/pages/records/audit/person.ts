import type { AuditLine } from '../shared/records'

/** Whoever did it: operators all act as `operator`, and which of them it was their credential says. */
export function personIn({ actor, credential }: Pick<AuditLine, 'actor' | 'credential'>): string {
  return credential?.startsWith('usr_') ? credential : actor
}
