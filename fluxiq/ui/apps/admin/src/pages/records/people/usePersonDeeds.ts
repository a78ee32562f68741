import { api, dataOf, toast, useDeed, useWords } from '@fluxiq/kit'
import type { User } from '../shared/records'
import { peopleWords } from './words'

export type Role = User['role']
export const ROLES: readonly Role[] = ['owner', 'manager', 'operator']

type Change = { id: string; name?: string; role?: Role; status?: 'active' | 'locked' }
const PEOPLE = [['people']] as const

/** Name, role or lock of somebody, changed. */
export function useChange(done: (user: User) => void) {
  return useDeed<User, Change>({
    run: ({ id, ...body }) => dataOf(api.PATCH('/api/v1/users/{user_id}', { params: { path: { user_id: id } }, body })),
    after: PEOPLE,
    done,
  })
}

/** The answer has the one-time password, this once. */
export function useReset(done: (user: User) => void) {
  return useDeed<User, { id: string; totp: boolean }>({
    run: ({ id, totp }, key) => {
      const params = { path: { user_id: id }, header: { 'Idempotency-Key': key } }
      return dataOf(api.POST('/api/v1/users/{user_id}/reset-password', { params, body: { totp } }))
    },
    after: PEOPLE,
    done,
  })
}

export function useRemove(done: () => void) {
  const { t } = useWords(peopleWords)
  return useDeed<void, string>({
    run: async (id) => {
      await api.DELETE('/api/v1/users/{user_id}', { params: { path: { user_id: id } } })
    },
    after: PEOPLE,
    done: () => {
      toast(t('removed'), 'good')
      done()
    },
  })
}
