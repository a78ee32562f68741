import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { outcome, payButton, reviewPayment } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { Caller, sessionIn } from '../support/people'
import type { Person } from '../support/platform'
import { login, payoutsCalled, purse } from '../support/world'

withBrowser()

const ana = () => login().owner

describe('a session', () => {
  test('that ends in the middle of a payment asks for the password, and the payment goes on, once', async () => {
    const from = await purse(40_00)
    const visitor = await Visitor.at('banking')
    const token = visitor.lastToken()
    await visitor.logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 21_00, from, description: 'Frete da tarde' })
    const elsewhere = await Caller.signedIn(ana())
    await elsewhere.call('DELETE', `/auth/sessions/${sessionIn(token())}`)

    await payButton(page, 21_00).click()
    await signInAgain(page, ana())

    await outcome(page, 'confirmed')
    expect(await payoutsCalled('Frete da tarde')).toHaveLength(1)
    await visitor.leave()
  })

  test('that ends over a half written form leaves what was written', async () => {
    const visitor = await Visitor.at('banking')
    const token = visitor.lastToken()
    await visitor.logIn(ana(), '/receive')
    const { page } = visitor
    await page.getByRole('textbox', { name: 'Valor' }).fill('77,70')
    await page.getByLabel('Descrição').fill('Aula de violão')
    await (await Caller.signedIn(ana())).call('DELETE', `/auth/sessions/${sessionIn(token())}`)

    // The live socket hears of it before anybody presses anything.
    await signInAgain(page, { ...ana(), password: 'not the password' })
    await expired(page).getByRole('alert').waitFor()
    await signInAgain(page, ana())
    await expired(page).waitFor({ state: 'hidden' })

    expect(await page.getByRole('textbox', { name: 'Valor' }).inputValue()).toBe('77,70')
    expect(await page.getByLabel('Descrição').inputValue()).toBe('Aula de violão')
    await page.getByRole('button', { name: 'Gerar QR Code' }).click()
    await page.getByText('Aguardando o pagamento…').waitFor()
    await visitor.leave()
  })

  test('outlives the page: who comes back is still signed in, and who signs out is not', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await page.reload()
    await page.getByRole('heading', { level: 1, name: /Olá/ }).waitFor()

    await page.getByRole('button', { name: /Sua conta/ }).click()
    await page.getByRole('button', { name: 'Sair' }).click()
    await page.locator('input[name=password]').waitFor()
    await visitor.go('/statement')
    await page.locator('input[name=password]').waitFor()
    await visitor.leave()
  })
})

describe('a wrong password', () => {
  test('is refused in words that do not say what was wrong', async () => {
    const visitor = await Visitor.at('banking')
    await visitor.knock({ ...ana(), password: 'correct horse battery' })
    const { page } = visitor
    await page.getByText('Documento, senha ou código incorretos').waitFor()
    expect(await page.locator('input[name=document]').inputValue()).not.toBe('')
    await visitor.leave()
  })
})

function expired(page: Page): Locator {
  return page.getByRole('alertdialog', { name: 'Sua sessão terminou' })
}

/** A page that was loaded anew does not know the document of who is signed in, and asks for it. */
async function signInAgain(page: Page, { document, password }: Person): Promise<void> {
  const asked = expired(page).getByRole('textbox', { name: 'CPF ou CNPJ' })
  if (await asked.isEditable()) await asked.fill(document)
  await expired(page).getByRole('textbox', { name: 'Senha' }).fill(password)
  await expired(page).getByRole('button', { name: 'Continuar' }).click()
}
