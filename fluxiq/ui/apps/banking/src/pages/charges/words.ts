import { defineWords } from '@fluxiq/kit'

export const chargesWords = defineWords({
  'pt-BR': {
    title: 'Cobranças',
    lead: 'Cada QR Code que você gerou, e a situação dele.',
    new: 'Nova cobrança',
    status: 'Situação',
    from: 'De',
    to: 'Até',
    what: 'Cobrança',
    when: 'Criada em',
    amount: 'Valor',
    noText: 'Sem descrição',
    empty: 'Nenhuma cobrança ainda',
    emptyText: 'Gere um QR Code e receba na hora.',
  },
  en: {
    title: 'Charges',
    lead: 'Every QR code you created, and its status.',
    new: 'New charge',
    status: 'Status',
    from: 'From',
    to: 'To',
    what: 'Charge',
    when: 'Created',
    amount: 'Amount',
    noText: 'No description',
    empty: 'No charges yet',
    emptyText: 'Create a QR code and get paid instantly.',
  },
})
