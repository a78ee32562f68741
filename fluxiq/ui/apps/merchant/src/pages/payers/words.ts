import { defineWords } from '@fluxiq/kit'

export const payerWords = defineWords({
  'pt-BR': {
    title: 'Pagadores',
    lead: 'Quem já pagou você, do mais recente ao mais antigo. Os documentos aparecem em parte.',
    name: 'Nome',
    payments: 'Pagamentos',
    amount: 'Total recebido',
    last: 'Último pagamento',
    noName: 'Sem nome informado',
    empty: 'Ninguém pagou ainda',
    emptyText: 'Quando o primeiro Pix chegar, quem pagou aparece aqui.',
  },
  en: {
    title: 'Payers',
    lead: 'Who has paid you, the latest first. Of their documents a part is shown.',
    name: 'Name',
    payments: 'Payments',
    amount: 'Received in all',
    last: 'Last payment',
    noName: 'No name given',
    empty: 'Nobody has paid yet',
    emptyText: 'When the first Pix arrives, who paid it appears here.',
  },
})
