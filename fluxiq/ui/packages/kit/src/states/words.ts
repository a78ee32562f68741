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
    request: 'Número para o suporte',
  },
  en: {
    loading: 'Loading…',
    again: 'Try again',
    stale: 'We could not refresh this. What you see may be out of date.',
    failed: 'We cannot show this right now',
    forbidden: 'You have no access to this',
    forbiddenText: 'Ask whoever manages the people of your company for the permission.',
    notFound: 'We did not find this',
    notFoundText: 'It may have been removed, or the address is wrong.',
    empty: 'Nothing here yet',
    request: 'Number for support',
  },
})
