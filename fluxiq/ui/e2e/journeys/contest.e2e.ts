import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { money } from '../support/words'
import { type Json, call, login, paidCharge, payout, until } from '../support/world'

withBrowser()

describe('a payment that was fraud', () => {
  test('is contested once, however often the button is pressed, and its money comes back', async () => {
    const { visitor, page, paid } = await atPayment(23_45)

    await tell(page, 'Golpe', 'A loja não existe.')
    const button = await page.getByRole('button', { name: `Contestar ${money(23_45)}` }).elementHandle()
    await button!.evaluate((element: HTMLElement) => {
      element.click()
      element.click()
      element.click()
    })

    await contestIs(page, 'accepted')
    await page.getByText(`${money(23_45)} de volta na conta`).waitFor({ timeout: 30_000 })
    await status(page, 'returned', 30)
    expect(await contestsOf(paid)).toHaveLength(1)

    await visitor.go('/reports')
    await page.getByRole('tab', { name: 'Minhas contestações' }).click()
    await page.locator('[data-status=accepted]').first().waitFor()
    await visitor.leave()
  })

  test('in which the other bank sees none keeps its money away, and may be contested again', async () => {
    const { visitor, page } = await atPayment(11_10)

    await tell(page, 'Golpe', 'disagreed@simulator.example')
    await page.getByRole('button', { name: `Contestar ${money(11_10)}` }).click()

    await contestIs(page, 'rejected')
    await page.getByText('não viu fraude neste pagamento').waitFor()
    await page.getByRole('button', { name: 'Contestar este Pix' }).waitFor()
    await visitor.leave()
  })

  test('whose contest the provider does not take says so', async () => {
    const { visitor, page } = await atPayment(9_90)

    await tell(page, 'Outra fraude', 'refused@simulator.example')
    await page.getByRole('button', { name: `Contestar ${money(9_90)}` }).click()

    await contestIs(page, 'refused')
    await page.getByText('contest_refused').waitFor()
    await visitor.leave()
  })

  test('can be left in peace again, until it is decided', async () => {
    const { visitor, page } = await atPayment(7_70)

    await tell(page, 'Ameaça', 'silent@simulator.example')
    await page.getByRole('button', { name: `Contestar ${money(7_70)}` }).click()
    await contestIs(page, 'acknowledged')
    await page.getByRole('button', { name: 'Retirar contestação' }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Retirar contestação' }).click()

    await contestIs(page, 'cancelled')
    await visitor.leave()
  })
})

/** A payment of so much, made, and its page before its owner. */
async function atPayment(amount: number): Promise<{ visitor: Visitor; page: Page; paid: Json }> {
  await paidCharge(amount)
  const sent = await payout(amount)
  const paid = await until(() => call('GET', `/pix/payouts/${sent.id}`), (one) => one.status === 'confirmed')
  const visitor = await (await Visitor.at('banking')).logIn(login().owner, `/payouts/${paid.id}`)
  return { visitor, page: visitor.page, paid }
}

/** What happened, up to the last look. */
async function tell(page: Page, reason: string, details: string): Promise<void> {
  await page.getByRole('button', { name: 'Contestar este Pix' }).click()
  await page.getByRole('radio', { name: reason }).check()
  await page.getByLabel('Conte como foi').fill(details)
  await page.getByRole('button', { name: 'Continuar', exact: true }).click()
}

async function contestIs(page: Page, said: string): Promise<void> {
  await page.locator(`[data-test=contest] [data-status=${said}]`).waitFor({ timeout: 40_000 })
}

function contestsOf(paid: Json): Promise<Json[]> {
  return call('GET', `/pix/contests?end_to_end_id=${paid.end_to_end_id}`)
}
