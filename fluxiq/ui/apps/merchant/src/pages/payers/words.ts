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
    lead: 'Who has paid you, most recent first. Documents are partly hidden.',
    name: 'Name',
    payments: 'Payments',
    amount: 'Total received',
    last: 'Last payment',
    noName: 'No name provided',
    empty: 'Nobody has paid yet',
    emptyText: 'When your first Pix arrives, the payer appears here.',
  },
})
