// What operators do in Admin, in their words.
import type { Page } from 'playwright-core'

/** Fills the dialog that asks why, and goes through with it. */
export async function withReason(page: Page, reason: string, verb: string): Promise<void> {
  const dialog = page.getByRole('alertdialog')
  await dialog.getByLabel('Motivo').fill(reason)
  await dialog.getByRole('button', { name: verb, exact: true }).click()
}
