import { defineWords } from '@fluxiq/kit'

export const productWords = defineWords({
  'pt-BR': {
    title: 'Produtos',
    lead: 'Os tipos de conta que a sua empresa pode ter.',
    empty: 'Nenhum produto',
    name: {
      prod_pix_merchant: 'Conta Pix de estabelecimento',
      prod_pix_settlement: 'Conta de repasse',
    },
    text: {
      prod_pix_merchant: 'Recebe Pix por chave própria, paga por Pix e participa de transferências.',
      prod_pix_settlement: 'Junta dinheiro por transferências e paga por Pix; ninguém de fora paga para ela.',
    },
    accounts: 'Ver as contas',
  },
  en: {
    title: 'Products',
    lead: 'The types of account your company can have.',
    empty: 'No products',
    name: {
      prod_pix_merchant: 'Pix merchant account',
      prod_pix_settlement: 'Pix settlement account',
    },
    text: {
      prod_pix_merchant: 'Receives Pix with its own key, pays by Pix and makes transfers.',
      prod_pix_settlement: 'Collects money by transfer and pays by Pix; nobody pays into it from outside.',
    },
    accounts: 'View accounts',
  },
})
