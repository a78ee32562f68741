// What the three apps are made of. Charts come from '@fluxiq/kit/charts', apart: not every page draws.
export { createFluxApp, type FluxAppOptions } from './main'

export { apiUrl } from './api/config'
export { answerOf, api, dataOf, download, saveFile } from './api/client'
export { ApiFailure, failureOf } from './api/failure'
export { useRead, type Read, type ReadOptions } from './api/queries'
export { useDeed, type Deed, type DeedOptions } from './api/deed'
export type { components, operations, paths } from './api/schema'

export { useSession, type Credentials, type Person } from './session/session'
export { covers } from './session/claims'
export { tellAgain, useLive, type LiveMessage, type LiveTopic } from './live/live'

export { currentLocale, defineWords, say, setLocale, text, useWords, type Locale, type Text } from './i18n/i18n'
export { failureText } from './i18n/failures'
export * from './format'

export { toast, type ToastKind } from './shell/toast'
export { useActions, type Action } from './shell/actions'
export { setTheme, theme, type Theme } from './shell/theme'
export type { NavigationGroup, NavigationItem } from './shell/navigation'

export * from './components'
