import type { RouteRecordRaw } from 'vue-router'
import { developerRoutes } from './developerRoutes'
import { moneyRoutes } from './moneyRoutes'

export const routes: RouteRecordRaw[] = [...moneyRoutes, ...developerRoutes]
