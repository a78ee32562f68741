import { defineWords } from '../i18n/i18n'

export const paletteWords = defineWords({
  'pt-BR': {
    title: 'Ir para…',
    placeholder: 'Página ou ação',
    action: 'Ação',
    nothing: 'Nada encontrado para “{asked}”.',
    dark: 'Usar aparência escura',
    light: 'Usar aparência clara',
    signOut: 'Sair',
  },
  en: {
    title: 'Go to…',
    placeholder: 'Page or action',
    action: 'Action',
    nothing: 'No results for “{asked}”.',
    dark: 'Switch to dark mode',
    light: 'Switch to light mode',
    signOut: 'Sign out',
  },
})
