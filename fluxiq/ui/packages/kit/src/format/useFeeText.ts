import { defineWords, useWords } from '../i18n/i18n'
import { type FeePlan, isFree } from './fees'
import { money, percent } from './numbers'

const words = defineWords({
  'pt-BR': {
    free: 'Grátis',
    both: '{share} + {fixed} por Pix recebido',
    one: '{part} por Pix recebido',
    minimum: 'no mínimo {amount}',
    maximum: 'no máximo {amount}',
  },
  en: {
    free: 'Free',
    both: '{share} + {fixed} per Pix received',
    one: '{part} per Pix received',
    minimum: 'at least {amount}',
    maximum: 'at most {amount}',
  },
})

/** A plan in words: `0,99% + R$ 0,10 por Pix recebido, no máximo R$ 5,00`. */
export function useFeeText() {
  const { t } = useWords(words)

  function partsOf({ fixed, basis_points }: FeePlan): string {
    const share = percent(basis_points / 10_000, 2)
    if (fixed && basis_points) return t('both', { share, fixed: money(fixed) })
    return t('one', { part: basis_points ? share : money(fixed) })
  }

  function textOf(plan: FeePlan): string {
    if (isFree(plan)) return t('free')
    const bounds = [
      plan.minimum ? t('minimum', { amount: money(plan.minimum) }) : '',
      plan.maximum === null ? '' : t('maximum', { amount: money(plan.maximum) }),
    ]
    return [partsOf(plan), ...bounds].filter(Boolean).join(', ')
  }

  return { textOf }
}
