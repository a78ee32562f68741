import { defineWords } from '@fluxiq/kit'

export const productWords = defineWords({
  'pt-BR': {
    title: 'Produtos',
    lead: 'O que uma conta da sua empresa pode ser. Tarifas, quem informa é a sua instituição.',
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
    lead: 'What an account of your company can be. Of fees, your institution tells you.',
    empty: 'No products',
    name: {
      prod_pix_merchant: 'Pix merchant account',
      prod_pix_settlement: 'Pix settlement account',
    },
    text: {
      prod_pix_merchant: 'Receives Pix by a key of its own, pays by Pix, and takes part in transfers.',
      prod_pix_settlement: 'Collects money by transfers and pays it out by Pix; nobody pays into it from outside.',
    },
    accounts: 'See the accounts',
  },
})
