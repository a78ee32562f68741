import { answerOf, api, toast, useDeed, useFilters, useRead, useWords } from '@fluxiq/kit'
import { PER_PAGE } from '@fluxiq/pix/parts/paging'
import type { User } from './roles'
import { teamWords } from './words'

/** The people of the merchant, page by page. */
export function useTeam() {
  const { page } = useFilters({})
  const users = useRead({
    key: () => ['users', page.value],
    read: () => answerOf(api.GET('/api/v1/users', { params: { query: { page: page.value, per_page: PER_PAGE } } })),
  })
  return { users, page }
}

/** What ends somebody's access, or gives it back. `done` closes the question. */
export function useAccess(userId: () => string, done: () => void) {
  const { t } = useWords(teamWords)
  const path = () => ({ user_id: userId() })
  const after = [['users']]

  function ended(word: 'locked' | 'unlocked' | 'removed') {
    toast(t(word), 'good')
    done()
  }

  const locking = useDeed<User, 'active' | 'locked'>({
    run: async (status) => (await answerOf(api.PATCH('/api/v1/users/{user_id}', { params: { path: path() }, body: { status } }))).data,
    after,
    done: ({ status }) => ended(status === 'locked' ? 'locked' : 'unlocked'),
  })
  const removing = useDeed<void>({
    run: async () => {
      await api.DELETE('/api/v1/users/{user_id}', { params: { path: path() } })
    },
    after,
    done: () => ended('removed'),
  })
  return { locking, removing }
}
