import type { RouteLocationRaw } from 'vue-router'
import type { IconName } from './icons'

/** One action of a menu: `run` it, or go `to` it, or wait for the menu's `pick`. */
export type MenuItem = {
  label: string
  icon?: IconName
  kind?: 'plain' | 'danger'
  disabled?: boolean
  /** A line above it: another sort of action begins. */
  parted?: boolean
  run?: () => void
  to?: RouteLocationRaw
}
