import { defineWords } from '@fluxiq/kit'

export const chargesWords = defineWords({
  'pt-BR': {
    title: 'Cobranças',
    lead: 'Cada QR Code que você gerou, e o que foi feito dele.',
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
    emptyFilter: 'Nada com esses filtros',
  },
  en: {
    title: 'Charges',
    lead: 'Every QR code that you have made, and what became of it.',
    new: 'New charge',
    status: 'Status',
    from: 'From',
    to: 'To',
    what: 'Charge',
    when: 'Created',
    amount: 'Amount',
    noText: 'No description',
    empty: 'No charges yet',
    emptyText: 'Make a QR code, and be paid at once.',
    emptyFilter: 'Nothing with these filters',
  },
})
