import { describe, expect, test } from 'vitest'
import { Visitor, withBrowser } from '../support/browser'
import { call, login, pay, until } from '../support/world'

withBrowser()

const HARD = {
  long: 'Pneumoultramicroscopicossilicovulcanoconiótico'.repeat(3).slice(0, 140),
  emoji: '👨‍👩‍👧‍👦🏳️‍🌈☕ café com a família 🇧🇷'.repeat(2),
  rightToLeft: 'שלום מפעל קפה ‏مرحبا بالعالم (123) R$ 10,00',
}

describe('words that are hard to lay out', () => {
  test('break no page of a phone, and turn nothing around', async () => {
    const paths = ['/', '/charges', '/statement', '/receive']
    for (const description of Object.values(HARD)) {
      const charge = await call('POST', '/pix/charges', { amount: 10_01, description })
      await pay(charge.qr_code)
      await until(
        () => call('GET', `/pix/charges/${charge.id}`),
        (one) => one.status === 'paid',
      )
      paths.push(`/charges/${charge.id}`)
    }
    const name = 'Conta de recebimentos da filial de Pindamonhangaba 🏳️‍🌈 مرحبا'
    const till = await call('POST', '/accounts', { name, product_id: 'prod_pix_settlement' })
    paths.push(`/statement?account=${till.id}`)

    const visitor = await (await Visitor.at('banking', { width: 390, theme: 'light' })).logIn(login().owner)
    for (const path of paths) {
      await visitor.go(path)
      await visitor.settled()
      expect(await sideways(visitor), path).toEqual([])
    }
    await visitor.leave()
  })

  test('do not make the result of a search', async () => {
    const visitor = await (await Visitor.at('banking')).logIn(login().owner, '/send')
    const { page } = visitor
    const box = page.getByLabel('Chave Pix ou código copia e cola')
    for (const nonsense of ['‮com.example@x', '😀😀😀', '<img src=x onerror=alert(1)>', '0'.repeat(5000)]) {
      await box.fill(nonsense)
      await page.getByRole('button', { name: 'Continuar', exact: true }).click()
      await page.getByRole('alert').first().waitFor()
    }
    await visitor.leave()
  })
})

/** What sticks out of the screen on the right, by its tag and classes; scrolled boxes are none of it. */
async function sideways({ page }: Visitor): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth <= clientWidth) return []
    return [...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > clientWidth + 1)
      .map((one) => `${one.tagName} ${one.className} ${one.textContent?.slice(0, 40)}`)
      .slice(0, 5)
  })
}
