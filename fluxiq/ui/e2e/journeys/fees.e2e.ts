import { afterAll, describe, expect, test } from 'vitest'
import { Visitor, withBrowser } from '../support/browser'
import { Caller } from '../support/people'
import { money } from '../support/words'
import { login, paidCharge, until } from '../support/world'

withBrowser()

/** The second institution's merchant: what the others count is not touched by a fee. */
const shop = () => login(1)
const REASON = 'Contrato 17, assinado hoje'

afterAll(async () => {
  const chief = await Caller.signedIn(shop().chief)
  await chief.call('PUT', `/institution/merchants/${shop().merchant_id}/fees`, { fixed: 0, reason: 'Fim da jornada' })
})

describe('a fee for receiving', () => {
  test('the institution agrees on one in Admin, and sees before what it comes to', async () => {
    const visitor = await (await Visitor.at('admin')).logIn(shop().chief, `/merchants/${shop().merchant_id}`)
    const { page } = visitor
    await page.getByRole('button', { name: 'Alterar tarifa' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Percentual').fill('0,999')
    await dialog.getByRole('button', { name: 'Combinar tarifa' }).click()
    await dialog.getByText('Escreva um percentual de 0 a 100').waitFor()
    await dialog.getByText('Diga o motivo.').waitFor()

    await dialog.getByLabel('Percentual').fill('0,99')
    await dialog.getByLabel('Valor fixo').fill('0,10')
    await dialog.getByLabel('Máximo por Pix').fill('5,00')
    await dialog.getByText(`De ${money(100_00)}, o lojista recebe ${money(98_91)}`).waitFor()
    await dialog.getByLabel('Motivo').fill(REASON)
    await dialog.getByRole('button', { name: 'Combinar tarifa' }).click()

    await dialog.waitFor({ state: 'detached' })
    const card = page.getByRole('region', { name: 'Tarifa de recebimento' })
    await card.getByText(`0,99% + ${money(10)} por Pix recebido, no máximo ${money(5_00)}`).waitFor()
    await card.getByText(REASON).waitFor()
    await visitor.leave()
  })

  test('its merchant sees it, what it comes to, and what is left of a payment', async () => {
    const charge = await paidCharge(100_00, shop())
    expect([charge.fee, charge.net_amount]).toEqual([1_09, 98_91])
    const visitor = await (await Visitor.at('merchant')).logIn(shop().owner, '/fees')
    const { page } = visitor
    await page.getByText(`0,99% + ${money(10)} por Pix recebido, no máximo ${money(5_00)}`).waitFor()
    await page.getByLabel('Se alguém pagar').fill('1.000,00')
    const calculator = page.getByRole('region', { name: 'Quanto chega' })
    await calculator.getByText(money(995_00)).waitFor()

    await page.getByRole('row').filter({ hasText: money(98_91) }).getByRole('link').first().click()
    await page.waitForURL('**/received/pay_*')
    await page.getByText(money(98_91)).waitFor()
    await visitor.go(`/charges/${charge.id}`)
    await page.getByText('Valor líquido').waitFor()
    await page.getByText(money(1_09)).first().waitFor()
    await visitor.leave()
  })

  test('the statement has the whole payment, and the fee on a line of its own', async () => {
    const owner = await Caller.signedIn(shop().owner)
    await until(
      () => owner.call('GET', `/accounts/${shop().account_id}/statement?per_page=100`),
      (lines) => lines.some((one: { kind: string }) => one.kind === 'fee'),
    )
    const visitor = await (await Visitor.at('merchant')).logIn(shop().owner, '/statement')
    const { page } = visitor
    // The filter of kinds has the same words, unseen.
    await page.getByText('Tarifa de recebimento').filter({ visible: true }).first().waitFor()
    await page.getByText(money(1_09)).first().waitFor()
    await visitor.leave()
  })
})
