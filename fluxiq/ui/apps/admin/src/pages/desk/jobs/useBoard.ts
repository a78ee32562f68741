import { api, dataOf, useRead } from '@fluxiq/kit'
import { useWhose } from '../shared/useWhose'

/** The kinds of jobs and the schedules of an institution, and what of them is paused. */
export function useBoard() {
  const { institution, asked } = useWhose()
  return useRead({
    key: () => ['desk', 'board', institution.value],
    read: () => dataOf(api.GET('/api/v1/operations/job-board', { params: { query: asked.value } })),
    every: 10_000,
  })
}
