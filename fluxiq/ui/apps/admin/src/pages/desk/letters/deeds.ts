import { api, dataOf } from '@fluxiq/kit'
import type { DeedHeader } from '../shared/records'

type Whose = { institution?: string }

export function replayLetter(id: number, query: Whose, reason: string, header: DeedHeader) {
  const params = { path: { dead_letter_id: String(id) }, query, header }
  return dataOf(api.POST('/api/v1/operations/dead-letters/{dead_letter_id}/replay', { params, body: { reason } }))
}

export function replayLetters(query: Whose, reason: string, header: DeedHeader) {
  return dataOf(api.POST('/api/v1/operations/dead-letters/replay', { params: { query, header }, body: { reason } }))
}

export function discardLetter(id: number, query: Whose, reason: string, header: DeedHeader) {
  const params = { path: { dead_letter_id: String(id) }, query, header }
  return dataOf(api.POST('/api/v1/operations/dead-letters/{dead_letter_id}/discard', { params, body: { reason } }))
}
