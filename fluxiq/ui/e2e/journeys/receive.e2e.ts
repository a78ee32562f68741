import { describe, expect, test } from 'vitest'
import { status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { money } from '../support/words'
import { call, login, paidCharge, pay, until } from '../support/world'

withBrowser()

describe('money comes in', () => {
  test('a charge made at the counter turns green when the simulator pays it', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(login().owner, '/receive')
    const { page } = visitor
    await page.getByRole('textbox', { name: 'Valor' }).fill('42,50')
    await page.getByLabel('Descrição').fill('Dois livros')
    await page.getByRole('button', { name: 'Gerar QR Code' }).click()
    await page.getByText('Aguardando o pagamento…').waitFor()
    const code = await page.getByText(/^000201/).innerText()

    await pay(code)

    await page.getByText('Recebido!').waitFor()
    await page.getByText(`${money(42_50)} já está na conta`).waitFor()
    await visitor.leave()
  })

  test('the first page counts what comes in without being loaded again', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(login().owner)
    const { page } = visitor
    await page.getByText('Ao vivo').waitFor()
    const before = await balance(login().account_id)
    await page.getByText(money(before)).first().waitFor()
    let loads = 0
    page.on('load', () => (loads += 1))

    const { net_amount: kept } = await paidCharge(17_31)

    await page.getByText(money(before + kept)).first().waitFor()
    await page.getByText(`+${money(17_31)}`).first().waitFor()
    expect(loads).toBe(0)
    await visitor.leave()
  })

  test('a part of it goes back', async () => {
    const charge = await paidCharge(80_00)
    const visitor = await (await Visitor.at('banking')).logIn(login().owner, `/charges/${charge.id}`)
    const { page } = visitor

    await page.getByRole('button', { name: 'Devolver', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Devolver uma parte').check()
    await dialog.getByLabel('Valor da devolução').fill('80,01')
    await dialog.getByText(`O máximo é ${money(80_00)}.`).waitFor()
    expect(await dialog.getByRole('button', { name: /^Devolver R/ }).isDisabled()).toBe(true)
    await dialog.getByLabel('Valor da devolução').fill('30,00')
    await dialog.getByRole('button', { name: `Devolver ${money(30_00)}` }).click()

    await page.waitForURL('**/refunds/ref_*')
    await status(page, 'completed')
    const refunded = await until(
      () => call('GET', `/pix/charges/${charge.id}`),
      (one) => one.refunded_amount > 0,
    )
    expect(refunded.refunded_amount).toBe(30_00)
    await visitor.leave()
  })
})

async function balance(accountId: string): Promise<number> {
  return (await call('GET', `/accounts/${accountId}/balance`)).available
}
