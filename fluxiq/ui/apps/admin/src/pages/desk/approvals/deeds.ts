import { api, dataOf } from '@fluxiq/kit'
import type { DeedHeader } from '../shared/records'

export function approve(approval_id: string, reason: string, header: DeedHeader) {
  const params = { path: { approval_id }, header }
  return dataOf(api.POST('/api/v1/operations/approvals/{approval_id}/approve', { params, body: { reason } }))
}

export function reject(approval_id: string, reason: string, header: DeedHeader) {
  const params = { path: { approval_id }, header }
  return dataOf(api.POST('/api/v1/operations/approvals/{approval_id}/reject', { params, body: { reason } }))
}
