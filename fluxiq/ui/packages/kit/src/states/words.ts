import { defineWords } from '../i18n/i18n'

export const stateWords = defineWords({
  'pt-BR': {
    loading: 'Carregando…',
    again: 'Tentar de novo',
    stale: 'Não conseguimos atualizar. O que você vê pode estar desatualizado.',
    failed: 'Não conseguimos mostrar isto agora',
    forbidden: 'Você não tem acesso a isto',
    forbiddenText: 'Peça a permissão a quem administra as pessoas da sua empresa.',
    notFound: 'Não encontramos isto',
    notFoundText: 'Pode ter sido removido, ou o endereço está errado.',
    empty: 'Nada por aqui ainda',
    noMatch: 'Nenhum resultado com esses filtros',
    request: 'Número para o suporte',
  },
  en: {
    loading: 'Loading…',
    again: 'Try again',
    stale: 'We could not refresh this. The data may be out of date.',
    failed: 'We could not load this',
    forbidden: 'You do not have access',
    forbiddenText: 'Ask whoever manages your company’s users for permission.',
    notFound: 'Not found',
    notFoundText: 'It may have been removed, or the link is wrong.',
    empty: 'Nothing here yet',
    noMatch: 'No results for these filters',
    request: 'Support reference',
  },
})
