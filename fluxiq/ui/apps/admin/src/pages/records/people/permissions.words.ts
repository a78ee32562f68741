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
    lead: 'What each role may do, as the API itself tells. It changes with the role of each person, under Users.',
    search: 'Permission or address',
    of: 'People',
    of_institution: 'Of the institution',
    of_merchant: 'Of a merchant',
    permission: 'Permission',
    endpoints: '{count} operation | {count} operations',
    may: 'May',
    some: '{n} of {of}',
    mayNot: 'May not',
    empty: 'Nothing of this name',
  },
})
