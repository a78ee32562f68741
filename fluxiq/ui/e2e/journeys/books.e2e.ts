import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { describe, test } from 'vitest'
import { withReason } from '../support/admin'
import { Visitor, withBrowser } from '../support/browser'
import { Caller } from '../support/people'
import { money } from '../support/words'
import { type Json, call, falsifyStatement, login, paidCharge, payout, until } from '../support/world'

withBrowser()

/** Longer than the margin that support/platform.ts sets. */
const SETTLED_MILLISECONDS = 1_500

describe('a statement that says another amount', () => {
  test('is found, told with what to do, and decided by a person with a reason', async () => {
    await paidCharge(20_00)
    const { id } = await payout(14_14)
    const { end_to_end_id: record } = await until(
      () => call('GET', `/pix/payouts/${id}`),
      (one) => one.status === 'confirmed',
    )
    await falsifyStatement(record, 41_41)
    await sleep(SETTLED_MILLISECONDS)
    const visitor = await (await Visitor.at('admin')).logIn(login().chief, '/reconciliation')
    const { page } = visitor
    await compareNow(page, record)

    await visitor.go('/reconciliation')
    await page.getByText(record).click()
    await page.getByRole('heading', { name: 'Valores diferentes' }).waitFor()
    for (const amount of [14_14, 41_41]) await page.getByText(money(amount)).first().waitFor()
    await page.getByText('peça ao provedor o comprovante').waitFor()

    await page.getByRole('button', { name: 'Decidir' }).click()
    await withReason(page, 'Carta do provedor: erro do extrato', 'Decidir')
    await page.getByText('A diferença foi decidida.').waitFor()
    await page.locator('main [data-status=resolved]').first().waitFor()
    await page.getByText('Carta do provedor: erro do extrato').waitFor()
    await page.getByText('peça ao provedor o comprovante').waitFor({ state: 'detached' })
    await falsifyStatement(record, null)
    await visitor.leave()
  })
})

/** Asks for a comparison on the page, and waits until it has found the record. */
async function compareNow(page: Page, record: string): Promise<void> {
  await page.getByRole('button', { name: 'Comparar agora' }).click()
  await withReason(page, 'Fim do dia', 'Comparar agora')
  await page.getByText('A comparação está na fila').waitFor()
  const chief = await Caller.signedIn(login().chief)
  await until(
    () => chief.call('GET', '/operations/reconciliation/differences?state=open'),
    (all: Json[]) => all.some((one) => one.record_id === record),
  )
}
