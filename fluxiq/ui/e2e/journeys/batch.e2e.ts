import { describe, expect, test } from 'vitest'
import { status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { newCpf } from '../support/people'
import type { Person } from '../support/platform'
import { money } from '../support/words'
import { login, payoutsCalled, purse } from '../support/world'

withBrowser()

const CSV = [
  'chave;valor;descrição',
  'confirmed@simulator.example;12,50;Diária de lote',
  'ninguém;10,00;Diária de lote',
  'confirmed+2@simulator.example;1.007,50;Diária de lote',
].join('\n')
const TOTAL = 1_020_00

describe('a batch of payouts', () => {
  test('is prepared by one person from a spreadsheet, and paid when another releases it', async () => {
    const from = await purse(1_500_00)
    const visitor = await (await Visitor.at('merchant')).logIn(login().owner)
    const manager = await hire(visitor, 'Beatriz Gestora')

    const batch = await prepare(visitor, from)
    await status(visitor.page, 'awaiting_release')
    await visitor.page.getByText('outra pessoa, gerente ou responsável').waitFor()
    expect(await visitor.page.getByRole('button', { name: 'Liberar' }).count()).toBe(0)

    const second = await Visitor.at('merchant')
    await firstLogIn(second, manager, batch)
    await second.page.getByRole('button', { name: 'Liberar', exact: true }).click()
    const dialog = second.page.getByRole('alertdialog')
    await dialog.getByText('mil e vinte reais').waitFor()
    await dialog.getByRole('button', { name: `Liberar ${money(TOTAL)}` }).click()
    await second.page.getByText('Lote liberado.').waitFor()

    // Who prepared it sees it happen.
    await status(visitor.page, 'released')
    expect(await payoutsCalled('Diária de lote')).toHaveLength(2)
    await second.leave()
    await visitor.leave()
  })
})

/** On the page of the team: a manager, and the password that is shown once. */
async function hire({ page }: Visitor, name: string): Promise<Person> {
  const document = newCpf()
  await page.goto(new URL('/team/new', page.url()).href)
  await page.getByLabel('Nome').fill(name)
  await page.getByLabel('CPF').fill(document)
  await page.getByRole('radio', { name: 'Gerente' }).check()
  await page.getByRole('button', { name: 'Adicionar pessoa' }).click()
  const made = page.getByRole('region', { name: `Senha provisória de ${name}` })
  await made.getByRole('button', { name: 'Mostrar' }).click()
  const password = await made.locator('[data-secret]').innerText()
  await made.getByRole('button', { name: 'Já guardei' }).click()
  return { document, password }
}

/** Returns the path of the batch that awaits its release. */
async function prepare(visitor: Visitor, from: string): Promise<string> {
  const { page } = visitor
  await visitor.go(`/batches/new?account=${from}`)
  await page.locator('input[type=file]').setInputFiles({ name: 'diarias.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV) })
  await page.getByText('Essa chave Pix não existe nesse formato').waitFor()
  const send = page.getByRole('button', { name: 'Enviar para liberação' })
  expect(await send.isDisabled()).toBe(true)
  await page.getByLabel('Deixar de fora a linha com erro').check()
  await send.click()
  await page.waitForURL(/\/batches\/(?!new)/)
  return new URL(page.url()).pathname
}

/** With the one-time password, which is good for choosing one's own and nothing else. */
async function firstLogIn(visitor: Visitor, person: Person, path: string): Promise<void> {
  const { page } = visitor
  await visitor.knock(person, path)
  await page.getByRole('heading', { name: 'Crie a sua senha' }).waitFor()
  await page.getByRole('textbox', { name: 'Nova senha', exact: true }).fill('quatro pinheiros na chuva')
  await page.getByRole('textbox', { name: 'Repita a nova senha' }).fill('quatro pinheiros na chuva')
  await page.getByRole('button', { name: 'Salvar e entrar' }).click()
  await page.getByRole('button', { name: 'Liberar', exact: true }).waitFor()
}
