import { describe, expect, test } from 'vitest'
import { next, outcome, payButton, reviewPayment, status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { loseFirstAnswer } from '../support/wire'
import { money } from '../support/words'
import { call, login, payoutsCalled, purse } from '../support/world'

withBrowser()

const ana = () => login().owner

describe('a payment', () => {
  test('is paid once, however often the button is pressed', async () => {
    const from = await purse(100_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 10_00, from, description: 'Clique duplo' })

    const button = await payButton(page, 10_00).elementHandle()
    await button!.evaluate((element: HTMLElement) => {
      element.click()
      element.click()
      element.click()
    })

    await outcome(page, 'confirmed')
    expect(await payoutsCalled('Clique duplo')).toHaveLength(1)
    await visitor.leave()
  })

  test('that the account cannot cover any more is refused in clear words, and the form is kept', async () => {
    const from = await purse(60_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 55_00, from, description: 'Conserto da porta' })
    // Somebody else of the company was quicker.
    await call('POST', '/transfers', { source_account_id: from, destination_account_id: login().account_id, amount: 50_00 })

    await payButton(page, 55_00).click()

    await outcome(page, 'refused')
    await page.locator('[data-code=insufficient_funds]').waitFor()
    await page.getByText('Nada saiu da sua conta.').waitFor()
    await page.getByRole('button', { name: 'Voltar e corrigir' }).click()
    expect(await page.getByRole('textbox', { name: 'Valor' }).inputValue()).toBe('55,00')
    expect(await page.getByLabel('Mensagem para quem recebe').inputValue()).toBe('Conserto da porta')
    await page.getByText('Passa do saldo disponível').waitFor()
    expect((await payoutsCalled('Conserto da porta')).map((one) => one.status)).toEqual(['failed'])
    await visitor.leave()
  })

  test('whose provider fell silent is under way until an enquiry confirms it', async () => {
    const from = await purse(50_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'lost@simulator.example', amount: 12_00, from })
    await payButton(page, 12_00).click()

    await outcome(page, 'processing')
    await outcome(page, 'confirmed', 50)
    await page.getByRole('link', { name: 'Ver detalhes' }).click()
    await status(page, 'confirmed')
    await visitor.leave()
  })

  test('whose answer is lost on the way is not said to have failed, and is asked about under the same key', async () => {
    const from = await purse(50_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await loseFirstAnswer(page, 'POST', '/api/v1/pix/payouts')
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 9_00, from, description: 'Resposta perdida' })
    await payButton(page, 9_00).click()

    await outcome(page, 'unknown')
    await page.getByText('Não sabemos ainda se o dinheiro saiu.').waitFor()
    await outcome(page, 'confirmed')
    expect(await payoutsCalled('Resposta perdida')).toHaveLength(1)
    await visitor.leave()
  })

  test('of twenty thousand reais by a slip of the finger is read out in words', async () => {
    const from = await purse(30_000_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana())
    const { page } = visitor
    await reviewPayment(visitor, { to: 'confirmed@simulator.example', amount: 20_000_10, from })

    expect(await page.locator('[data-test=in-words]').innerText()).toBe('vinte mil reais e dez centavos')
    await page.getByText(money(20_000_10)).first().waitFor()
    await visitor.leave()
  })
})

describe('a code that is pasted', () => {
  test('with a character changed is told before anybody is asked, and pays once it is right', async () => {
    const from = await purse(50_00)
    const visitor = await (await Visitor.at('banking')).logIn(ana(), `/send?account=${from}`)
    const { page } = visitor
    const code = staticCode('confirmed@simulator.example')
    const box = page.getByLabel('Chave Pix ou código copia e cola')
    let asked = 0
    page.on('request', (request) => (asked += Number(request.url().includes('/pix/dict/'))))

    await box.fill(`${code.slice(0, -1)}${code.endsWith('0') ? '1' : '0'}`)
    await page.getByText('O código não confere').waitFor()
    await next(page)
    expect(asked).toBe(0)

    await box.fill(code)
    await next(page)
    await page.getByRole('heading', { name: 'Quanto você vai pagar?' }).waitFor()
    await visitor.leave()
  })
})

/** A static BR Code of a key, as a sticker at a counter has it. */
function staticCode(pixKey: string): string {
  const account = field('26', field('00', 'br.gov.bcb.pix') + field('01', pixKey))
  const body = `000201${account}5204000053039865802BR5904Loja6008BRASILIA${field('62', field('05', '***'))}6304`
  return body + crc16(body)
}

const field = (id: string, value: string) => id + String(value.length).padStart(2, '0') + value

/** CRC-16/CCITT-FALSE, as EMV wants it. */
function crc16(text: string): string {
  let crc = 0xffff
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc.toString(16).toUpperCase().padStart(4, '0')
}
