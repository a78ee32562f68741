import { defineWords } from '@fluxiq/kit'

export const permissionWords = defineWords({
  'pt-BR': {
    title: 'Permissões',
    lead: 'O que cada papel pode, como a própria API diz. Muda com o papel de cada pessoa, em Usuários.',
    search: 'Permissão ou endereço',
    of: 'Pessoas',
    of_institution: 'Da instituição',
    of_merchant: 'De um lojista',
    permission: 'Permissão',
    endpoints: '{count} operação | {count} operações',
    may: 'Pode',
    some: '{n} de {of}',
    mayNot: 'Não pode',
    empty: 'Nada com este nome',
  },
  en: {
    title: 'Permissions',
    lead: 'What each role can do, straight from the API. To change what a person can do, change their role under Users.',
    search: 'Permission or path',
    of: 'People',
    of_institution: 'Institution',
    of_merchant: 'Merchant',
    permission: 'Permission',
    endpoints: '{count} endpoint | {count} endpoints',
    may: 'Allowed',
    some: '{n} of {of}',
    mayNot: 'Not allowed',
    empty: 'No permission matches',
  },
})
