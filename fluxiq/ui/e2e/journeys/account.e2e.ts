import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { barriers } from '../support/axe'
import { next, outcome, payButton, status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { money } from '../support/words'
import { login, payoutsCalled, purse } from '../support/world'

withBrowser()

const MARIA = { institution: 'Itaú Unibanco', branch: '0123', number: '12345-6', document: '52998224725', name: 'Maria da Silva' }

/** From the empty page to the last look before paying into an account. */
async function reviewAccount(visitor: Visitor, from: string, amount: number, description: string, changes = {}): Promise<void> {
  const { page } = visitor
  await visitor.go(`/send?account=${from}`)
  await page.getByRole('radio', { name: /^Conta/ }).check()
  await fill(page, { ...MARIA, ...changes })
  await next(page)
  await page.getByRole('textbox', { name: 'Valor' }).fill(money(amount))
  await page.getByLabel('Mensagem para quem recebe').fill(description)
  await next(page)
  await page.getByRole('heading', { name: 'Está tudo certo?' }).waitFor()
}

async function fill(page: Page, { institution, branch, number, document, name }: typeof MARIA): Promise<void> {
  await page.getByRole('combobox', { name: 'Instituição' }).fill(institution)
  await field(page, 'Agência').fill(branch)
  await field(page, 'Conta com dígito').fill(number)
  await field(page, 'CPF ou CNPJ de quem recebe').fill(document)
  await field(page, 'Nome de quem recebe').fill(name)
}

function field(page: Page, name: string): Locator {
  return page.getByRole('textbox', { name: new RegExp(`^${name}`) })
}

describe('a payment into an account', () => {
  test('is confirmed live, after a last look that says nobody confirmed the name', async () => {
    const from = await purse(80_00)
    const visitor = await (await Visitor.at('banking')).logIn(login().owner)
    const { page } = visitor
    await reviewAccount(visitor, from, 15_00, 'Conta confirmada')
    await page.locator('[data-test=not-confirmed]').waitFor()
    await page.getByText('Itaú Unibanco (ISPB 60701190)').waitFor()
    await page.getByText('Ag. 0123 · Conta corrente 123456').waitFor()
    expect(await barriers(page)).toEqual([])

    await payButton(page, 15_00).click()
    await outcome(page, 'confirmed')
    const [payout] = await payoutsCalled('Conta confirmada')
    expect(payout.recipient.account).toMatchObject({ ispb: '60701190', number: '123456', holder: { document: '***.***.247-**' } })

    await page.getByRole('link', { name: 'Ver detalhes' }).click()
    await status(page, 'confirmed')
    await page.getByText('nenhum banco o confirmou').waitFor()
    await visitor.leave()
  })

  test('is among the recent ones, and wants the document again', async () => {
    const from = await purse(30_00)
    const visitor = await (await Visitor.at('banking')).logIn(login().owner)
    const { page } = visitor
    await reviewAccount(visitor, from, 1_00, 'Primeira vez', { number: '77-1', name: 'Rita Recente' })
    await payButton(page, 1_00).click()
    await outcome(page, 'confirmed')

    await visitor.go(`/send?account=${from}`)
    await page.getByRole('button', { name: /Rita Recente/ }).click()
    expect(await field(page, 'Conta com dígito').inputValue()).toBe('771')
    expect(await field(page, 'CPF ou CNPJ de quem recebe').inputValue()).toBe('')
    await next(page)
    await page.getByText('O CPF ou CNPJ não é válido.').waitFor()
    await field(page, 'CPF ou CNPJ de quem recebe').fill(MARIA.document)
    await next(page)
    await page.getByRole('textbox', { name: 'Valor' }).waitFor()
    await visitor.leave()
  })

  test('that does not exist is refused by its bank (AC03), told so, and can be put right', async () => {
    const from = await purse(40_00)
    const visitor = await (await Visitor.at('banking')).logIn(login().owner)
    const { page } = visitor
    await reviewAccount(visitor, from, 20_00, 'Conta que não existe', { number: 'AC03-9' })
    await payButton(page, 20_00).click()

    await outcome(page, 'failed')
    await page.getByText('A conta de destino não existe ou está incorreta.').waitFor()
    await page.getByText('O dinheiro continua na sua conta.').waitFor()
    await page.getByRole('link', { name: 'Ver detalhes' }).click()
    await status(page, 'failed')
    await page.getByRole('link', { name: 'Pagar de novo' }).click()
    await field(page, 'Conta com dígito').waitFor()
    await expect.poll(() => field(page, 'Conta com dígito').inputValue()).toBe('AC039')
    expect(page.url()).not.toContain('AC039')
    await visitor.leave()
  })

  test('is stopped at the form while something is wrong with it', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(login().owner)
    const { page } = visitor
    await visitor.go('/send')
    await page.getByRole('radio', { name: /^Conta/ }).check()
    await fill(page, { ...MARIA, institution: login().ispb, branch: '123-4', document: '529.982.247-24', name: ' ' })
    await next(page)

    await page.getByText('Essa conta é da sua própria instituição.').waitFor()
    await page.getByText('A agência tem até quatro números').waitFor()
    await page.getByText('O CPF ou CNPJ não é válido.').waitFor()
    await page.getByText('Escreva o nome de quem recebe.').waitFor()
    expect(await barriers(page)).toEqual([])
    await visitor.leave()
  })
})
