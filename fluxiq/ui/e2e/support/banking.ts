// What a customer does in Banking, and in the pages that Merchant has of it, in a customer's words.
import type { Locator, Page } from 'playwright-core'
import type { Visitor } from './browser'
import { money } from './words'

export interface Bill {
  to: string
  amount: number
  from?: string
  description?: string
}

/** From the empty page to the last look before paying. */
export async function reviewPayment(visitor: Visitor, { to, amount, from, description }: Bill): Promise<void> {
  const { page } = visitor
  await visitor.go(from ? `/send?account=${from}` : '/send')
  await page.getByLabel('Chave Pix ou código copia e cola').fill(to)
  await next(page)
  await page.getByRole('textbox', { name: 'Valor' }).fill(money(amount))
  if (description) await page.getByLabel('Mensagem para quem recebe').fill(description)
  await next(page)
  await page.getByRole('heading', { name: 'Está tudo certo?' }).waitFor()
}

export async function next(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Continuar', exact: true }).click()
}

export function payButton(page: Page, amount: number): Locator {
  return page.getByRole('button', { name: `Pagar ${money(amount)}` })
}

/** Waits until the result page says so: `confirmed`, `unknown`, `late`, `refused` … */
export async function outcome(page: Page, said: string, seconds = 30): Promise<void> {
  await page.locator(`[data-outcome=${said}]`).waitFor({ timeout: seconds * 1000 })
}

/** The badge of the record that the page is about, once it says so. */
export async function status(page: Page, said: string, seconds = 15): Promise<void> {
  await page.locator(`main [data-status=${said}]`).first().waitFor({ timeout: seconds * 1000 })
}
