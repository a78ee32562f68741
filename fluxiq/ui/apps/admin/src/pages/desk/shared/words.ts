import { defineWords } from '@fluxiq/kit'

/** What the rooms of the desk have in common. */
export const deskWords = defineWords({
  'pt-BR': {
    institution: 'Instituição',
    own: 'A sua ({ispb})',
    shown: 'Mostrando {n}',
    more: 'Mostrar mais',
    nothingYet: 'ainda não',
    json: 'JSON',
  },
  en: {
    institution: 'Institution',
    own: 'Yours ({ispb})',
    shown: 'Showing {n}',
    more: 'Show more',
    nothingYet: 'not yet',
    json: 'JSON',
  },
})
