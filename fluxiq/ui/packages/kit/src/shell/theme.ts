import { ref } from 'vue'

export type Theme = 'light' | 'dark' | 'system'

const KEPT_AS = 'fluxiq-theme'
const isDark = window.matchMedia('(prefers-color-scheme: dark)')

export const theme = ref<Theme>(kept())

export function setTheme(next: Theme): void {
  theme.value = next
  localStorage.setItem(KEPT_AS, next)
  show()
}

/** Before anything is drawn, and whenever the system changes its mind. */
export function startTheme(): void {
  show()
  isDark.addEventListener('change', show)
}

function show(): void {
  const shown = theme.value === 'system' ? (isDark.matches ? 'dark' : 'light') : theme.value
  document.documentElement.dataset['theme'] = shown
}

function kept(): Theme {
  const text = localStorage.getItem(KEPT_AS)
  return text === 'light' || text === 'dark' ? text : 'system'
}
