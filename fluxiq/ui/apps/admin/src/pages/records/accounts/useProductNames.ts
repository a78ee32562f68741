import { useWords } from '@fluxiq/kit'
import { accountWords } from './words'

export const PRODUCTS = ['prod_pix_merchant', 'prod_pix_settlement'] as const

/** What an account is for, in a word; of a product that this page does not know, its id. */
export function useProductNames() {
  const { t } = useWords(accountWords)
  const productOf = (id: string) => {
    const known = PRODUCTS.find((one) => one === id)
    return known ? t(`product_${known}`) : id
  }
  return { productOf }
}
