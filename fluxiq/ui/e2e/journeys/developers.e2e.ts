import { describe, expect, test } from 'vitest'
import { status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { places } from '../support/places'
import { Sink } from '../support/sink'
import { call, login, paidCharge, until } from '../support/world'

withBrowser()

describe('an API key', () => {
  test('is made, shown once, used, revoked, and opens nothing a second later', async () => {
    const visitor = await (await Visitor.at('merchant')).logIn(login().owner, '/api-keys/new')
    const { page } = visitor
    await page.getByLabel('Nome').fill('Caixa da padaria')
    await page.getByRole('radio', { name: 'Só consultar' }).check()
    await page.getByRole('button', { name: 'Criar chave' }).click()

    const made = page.getByRole('region', { name: 'Texto da chave Caixa da padaria' })
    await made.getByRole('button', { name: 'Mostrar' }).click()
    const key = await made.locator('[data-secret]').innerText()
    expect(key).toMatch(/^sk_live_/)
    expect(await answerTo(key, 'GET', '/accounts')).toBe(200)
    expect(await answerTo(key, 'POST', '/pix/charges', { amount: 100 })).toBe(403)

    await made.getByRole('button', { name: 'Já guardei' }).click()
    await page.waitForURL('**/api-keys')
    expect(await page.locator('body').innerText()).not.toContain(key)
    await page.getByRole('button', { name: 'Ações de Caixa da padaria' }).click()
    await page.getByRole('menuitem', { name: 'Revogar' }).click()
    await page.getByRole('alertdialog').getByRole('button', { name: 'Revogar' }).click()
    await page.getByText('Chave revogada').waitFor()

    expect(await until(() => answerTo(key, 'GET', '/accounts'), (code) => code !== 200, 2)).toBe(401)
    await page.getByRole('row', { name: /Caixa da padaria/ }).getByText('Revogada').waitFor()
    await visitor.leave()
  })
})

describe('a webhook', () => {
  test('whose receiver is broken shows what it answered, and arrives when it is sent again', async () => {
    const sink = await Sink.open()
    sink.status = 500
    const webhook = await call('POST', '/webhooks', { url: sink.url, description: 'Caixa em chamas', events: ['pix.charge.paid'] })
    await paidCharge(14_40)
    await until(() => Promise.resolve(sink.heard), (heard) => heard > 0)

    const visitor = await (await Visitor.at('merchant')).logIn(login().owner, `/webhooks/${webhook.id}`)
    const { page } = visitor
    const row = page.getByRole('row', { name: /pix\.charge\.paid/ })
    await row.getByText('500').waitFor()
    await row.getByRole('link').first().click()
    await page.getByText('the till is on fire').first().waitFor()

    sink.status = 200
    await page.getByRole('button', { name: 'Reenviar' }).click()
    await page.getByText('Reenvio a caminho').waitFor()
    await status(page, 'delivered')
    await visitor.leave()
    await call('DELETE', `/webhooks/${webhook.id}`)
  })
})

async function answerTo(key: string, method: string, path: string, body?: object): Promise<number> {
  const answer = await fetch(`${places().api}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  await answer.arrayBuffer()
  return answer.status
}
