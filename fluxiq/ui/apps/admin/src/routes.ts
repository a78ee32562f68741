import type { RouteRecordRaw } from 'vue-router'
import { deskRoutes } from './deskRoutes'
import { recordRoutes } from './recordRoutes'
import { systemRoutes } from './systemRoutes'

export const routes: RouteRecordRaw[] = [...recordRoutes, ...systemRoutes, ...deskRoutes]
