import type { NavigationGroup } from '@fluxiq/kit'
import { deskNavigation } from './deskNavigation'
import { overviewNavigation, recordNavigation } from './recordNavigation'
import { systemNavigation } from './systemNavigation'

export const navigation: NavigationGroup[] = [overviewNavigation, systemNavigation, ...recordNavigation, ...deskNavigation]
