import { defineWords } from '@fluxiq/kit'

/** Words for an account that was dictated, wherever a payment shows one. */
export const recipientWords = defineWords({
  'pt-BR': {
    key: 'Chave Pix',
    bank: 'Instituição',
    account: 'Conta de destino',
    named: 'Nome informado, não confirmado',
    document: 'Documento informado',
    branch: 'Ag. {branch}',
    CACC: 'Conta corrente',
    SVGS: 'Poupança',
    TRAN: 'Conta de pagamento',
    SLRY: 'Conta salário',
    notConfirmed: 'Nome informado por quem pagou; nenhum banco o confirmou.',
  },
  en: {
    key: 'Pix key',
    bank: 'Institution',
    account: 'Recipient’s account',
    named: 'Name entered, not confirmed',
    document: 'Document entered',
    branch: 'Branch {branch}',
    CACC: 'Checking account',
    SVGS: 'Savings account',
    TRAN: 'Payment account',
    SLRY: 'Salary account',
    notConfirmed: 'Name entered by the payer; no bank has confirmed it.',
  },
})
