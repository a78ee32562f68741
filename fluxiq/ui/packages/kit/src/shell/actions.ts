import { onScopeDispose, shallowReactive } from 'vue'
import type { IconName } from '../components/icons'
import type { Text } from '../i18n/i18n'

export interface Action {
  title: Text
  icon: IconName
  run: () => void
}

/** What the command palette offers beside the pages. */
export const actions = shallowReactive(new Set<Action>())

/** Actions of a page, while it is there. */
export function useActions(offered: readonly Action[]): void {
  for (const one of offered) actions.add(one)
  onScopeDispose(() => {
    for (const one of offered) actions.delete(one)
  })
}
