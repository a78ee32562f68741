import { describe, expect, test } from 'vitest'
import { outcome, payButton, reviewPayment, status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { Cable, Wire } from '../support/wire'
import { money } from '../support/words'
import { call, login, paidCharge, pay, payoutsCalled, purse } from '../support/world'

withBrowser()

const ana = () => login().owner

describe('an API that', () => {
  test('is gone is told with a way to try again, which works once it is back', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    await visitor.settled()
    const { page } = visitor
    const back = await Wire.gone(page)
    await page.getByRole('link', { name: 'Limites Pix' }).first().click()
    await page.getByText('Não conseguimos mostrar isto agora').waitFor()
    await page.locator('[data-code=unreachable]').first().waitFor()

    await back()
    await page.getByRole('button', { name: 'Tentar de novo' }).first().click()
    await page.locator('main [data-state=data]').first().waitFor()
    await visitor.leave()
  })

  test('is slow shows that something comes, and not that there is nothing', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    await visitor.settled()
    await paidCharge(11_11)
    const { page } = visitor
    const quick = await Wire.slow(page, 2_000)
    await page.getByRole('link', { name: 'Cobranças' }).first().click()
    await page.locator('main [data-state=loading]').first().waitFor()
    expect(await page.locator('main [data-state=empty]').count()).toBe(0)
    await page.getByText(money(11_11)).first().waitFor()
    await quick()
    await visitor.leave()
  })

  test('breaks down is told with the number that the support asks for', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    await visitor.settled()
    const { page } = visitor
    await Wire.broken(page, 'req_01E2E0000000000000000000')
    await page.getByRole('link', { name: 'Devoluções' }).first().click()
    await page.getByText('req_01E2E0000000000000000000').first().waitFor()
    await visitor.leave()
  })

  test('answers something else with a good status is not believed', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    await visitor.settled()
    const { page } = visitor
    await Wire.garbage(page)
    await page.getByRole('link', { name: 'Transferências' }).first().click()
    await page.getByText('Veio uma resposta que não conseguimos entender.').first().waitFor()
    await visitor.leave()
  })

  test('falls silent under an open page leaves what was read, marked as old', async () => {
    const charge = await call('POST', '/pix/charges', { amount: 23_23, description: 'Café da manhã' })
    const visitor = await (await Visitor.at('banking')).logIn(ana(), `/charges/${charge.id}`)
    const { page } = visitor
    await status(page, 'pending')
    await page.getByText('Ao vivo').waitFor()
    const back = await Wire.gone(page)
    await pay(charge.qr_code)

    const banner = page.getByText('Não conseguimos atualizar.').first()
    await banner.waitFor()
    await page.getByText(money(23_23)).first().waitFor()
    await back()
    await page.getByRole('button', { name: 'Tentar de novo' }).first().click()
    await status(page, 'paid')
    await banner.waitFor({ state: 'hidden' })
    await visitor.leave()
  })

  test('cannot be reached when somebody pays takes the order once it can', async () => {
    const from = await purse(30_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 8_00, from, description: 'Ônibus' })
    const back = await Wire.gone(page)
    await payButton(page, 8_00).click()
    await outcome(page, 'unknown')
    await back()
    await outcome(page, 'confirmed')
    expect(await payoutsCalled('Ônibus')).toHaveLength(1)
    await visitor.leave()
  })
})

describe('the live socket', () => {
  test('that is cut comes back, goes on behind the last event, and shows what was missed', async () => {
    const charge = await call('POST', '/pix/charges', { amount: 31_31, description: 'Flores' })
    const visitor = await Visitor.at('banking')
    const { page } = visitor
    const cable = await Cable.layTo(page)
    await visitor.logIn(ana(), `/charges/${charge.id}`)
    await status(page, 'pending')
    await page.getByText('Ao vivo').waitFor()

    await cable.cut()
    await page.getByText('Conectando…').waitFor()
    await pay(charge.qr_code)
    cable.mend()

    await page.getByText('Ao vivo').waitFor()
    await status(page, 'paid')
    expect(cable.asked.at(-1)).toMatch(/since=\d+/)
    await visitor.leave()
  })
})

describe('a clock that is an hour off', () => {
  test.each([
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
  ])('%s keeps nobody from paying, nor signs them out', async (_, shift) => {
    const from = await purse(20_00)
    const visitor = await Visitor.at('banking')
    const { page } = visitor
    await page.addInitScript(shiftClock, shift)
    await visitor.logIn(ana())
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 5_00, from })
    await payButton(page, 5_00).click()
    await outcome(page, 'confirmed')
    await visitor.go(`/statement?account=${from}`)
    await page.getByText(`-${money(5_00)}`).first().waitFor()
    expect(await page.getByRole('alertdialog').count()).toBe(0)
    await visitor.leave()
  })
})

/** In the page: the wall clock is wrong, the monotonic one is right, as on a computer set by hand. */
function shiftClock(milliseconds: number): void {
  const Right = Date
  class Wrong extends Right {
    constructor(...said: unknown[]) {
      // @ts-expect-error  as many as there are
      super(...(said.length === 0 ? [Right.now() + milliseconds] : said))
    }
    static override now(): number {
      return Right.now() + milliseconds
    }
  }
  globalThis.Date = Wrong as DateConstructor
}
