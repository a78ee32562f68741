import type { InjectionKey } from 'vue'
import type { RouteRecordRaw } from 'vue-router'
import type { IconName } from '../components/icons'
import type { Text } from '../i18n/i18n'

export interface NavigationItem {
  to: string
  title: Text
  icon: IconName
  /** Who lacks it is not shown the way there. */
  permission?: string
}

export interface NavigationGroup {
  /** Without one the items stand by themselves. */
  title?: Text
  items: NavigationItem[]
}

export interface FluxAppOptions {
  name: 'banking' | 'admin' | 'merchant'
  routes: RouteRecordRaw[]
  navigation: NavigationGroup[]
  /** Whose app it is: people of a merchant, or of the institution itself. */
  audience: 'merchant' | 'institution'
}

export const AppOptions: InjectionKey<FluxAppOptions> = Symbol('the options of the app')

/** What there is to go to for who may do so much, groups without anything left out. */
export function navigationFor(groups: readonly NavigationGroup[], may: (permission: string) => boolean): NavigationGroup[] {
  return groups
    .map((group) => ({ ...group, items: group.items.filter(({ permission }) => permission === undefined || may(permission)) }))
    .filter(({ items }) => items.length > 0)
}

declare module 'vue-router' {
  interface RouteMeta {
    title?: Text
    permission?: string
    /** Whoever comes may see it, and sees nothing around it. */
    public?: boolean
  }
}
