import { describe, expect, test } from 'vitest'
import { withReason } from '../support/admin'
import { Visitor, withBrowser } from '../support/browser'
import { Mishap } from '../support/mishaps'
import { Caller } from '../support/people'
import { money } from '../support/words'
import { type Json, login, until } from '../support/world'

withBrowser()

/** What tests/support/garbled_notices.py has somebody pay. */
const AMOUNT = 7_77
/** After 1, 2, 4 and 8 seconds it is tried again; then it is dead. */
const DEATH_SECONDS_MAX = 60

describe('a message that no code understands', () => {
  test('dies in sight of an operator, is replayed once it is put right, and its money arrives once', async () => {
    const entry = await Mishap.garble()
    const chief = await Caller.signedIn(login().chief)
    const [letter] = await until(
      async (): Promise<Json[]> => (await chief.call('GET', '/operations/dead-letters')).filter((one: Json) => one.work === entry),
      (found) => found.length === 1,
      DEATH_SECONDS_MAX,
    )
    expect(await receiptsOf(entry, chief)).toHaveLength(0)

    const visitor = await (await Visitor.at('admin')).logIn(login().chief)
    const { page } = visitor
    await page.getByRole('link', { name: /mensage(m|ns) que ninguém conseguiu tratar/ }).click()
    await page.getByRole('row').filter({ hasText: entry }).getByRole('link').first().click()
    await page.getByRole('heading', { name: `Mensagem parada ${letter.id}` }).waitFor()
    await page.getByRole('region', { name: 'Erro' }).getByText('DecodeError').waitFor()
    await page.getByRole('region', { name: 'A mensagem' }).getByText('not a notice').waitFor()

    await Mishap.repair(entry)
    await page.getByRole('button', { name: 'Reenviar', exact: true }).click()
    await withReason(page, 'Versão nova, que a entende', 'Reenviar')
    await page.getByText('1 mensagem voltou para a fila').waitFor()
    await page.locator('main [data-status=replayed]').first().waitFor()
    await page.getByText('Versão nova, que a entende').waitFor()
    expect(await page.getByRole('button', { name: 'Reenviar', exact: true }).count()).toBe(0)

    const [receipt] = await until(() => receiptsOf(entry, chief), (found) => found.length > 0)
    expect(receipt.amount).toBe(AMOUNT)
    await visitor.go(`/audit?subject=${entry}`)
    for (const action of ['dead_letter.died', 'dead_letter.replayed']) await page.getByRole('button', { name: action }).waitFor()
    expect(await receiptsOf(entry, chief)).toHaveLength(1)
    await visitor.leave()

    const payee = await (await Visitor.at('banking')).logIn(login().owner, `/received/${receipt.id}`)
    await payee.page.getByText(money(AMOUNT)).first().waitFor()
    await payee.leave()
  }, 150_000)
})

/** The receipts of the payment that this line of the visitors' book tells of. */
async function receiptsOf(entry: string, chief: Caller): Promise<Json[]> {
  return chief.call('GET', `/institution/payments?q=${entry.slice('evt_of_'.length)}`)
}
