import { api, dataOf } from '@fluxiq/kit'
import type { DeedHeader } from '../shared/records'

type Whose = { institution?: string }
/** A kind of job, or a schedule: what can be paused. */
export type Gate = { kind: string } | { schedule: string }

export function retryJob(job_id: string, query: Whose, reason: string, header: DeedHeader) {
  const params = { path: { job_id }, query, header }
  return dataOf(api.POST('/api/v1/operations/jobs/{job_id}/retry', { params, body: { reason } }))
}

export function cancelJob(job_id: string, query: Whose, reason: string, header: DeedHeader) {
  const params = { path: { job_id }, query, header }
  return dataOf(api.POST('/api/v1/operations/jobs/{job_id}/cancel', { params, body: { reason } }))
}

export function pauseJobs(gate: Gate, query: Whose, reason: string, header: DeedHeader) {
  return dataOf(api.POST('/api/v1/operations/job-board/pause', { params: { query, header }, body: { ...gate, reason } }))
}

export function resumeJobs(gate: Gate, query: Whose, reason: string, header: DeedHeader) {
  return dataOf(api.POST('/api/v1/operations/job-board/resume', { params: { query, header }, body: { ...gate, reason } }))
}
