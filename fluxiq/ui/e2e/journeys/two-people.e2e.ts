import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { withReason } from '../support/admin'
import { status } from '../support/banking'
import { Visitor, withBrowser } from '../support/browser'
import { Mishap } from '../support/mishaps'
import { Caller, colleague } from '../support/people'
import { withPlatform } from '../support/places'
import type { Person } from '../support/platform'
import { money } from '../support/words'
import { type Json, login, paidCharge, payout } from '../support/world'

withPlatform({ FLUXIQ_OPERATORS__TWO_PEOPLE: 'true' })
withBrowser()

const first = () => login().chief
let second: Person
beforeAll(async () => {
  second = await colleague(first(), 'Dora Segunda')
})

describe('a deed for two', () => {
  test('waits for a second person, whom its maker is not, and then is done for both to see', async () => {
    const why = 'Rotação anual das chaves'
    const maker = await (await Visitor.at('admin')).logIn(first(), '/sealing')
    await maker.page.getByRole('button', { name: 'Trocar a chave' }).click()
    await withReason(maker.page, why, 'Trocar a chave')
    await proposed(maker.page)

    await ownProposal(maker.page, why).waitFor()
    expect(await maker.page.getByRole('button', { name: APPROVE }).count()).toBe(0)
    await expect(approveAlone(why)).rejects.toThrow('maker_is_checker')
    expect(await currentKey()).toBe(1)

    const checker = await (await Visitor.at('admin')).logIn(second, '/approvals')
    await approve(checker.page, why, 'Conferi com o fornecedor do cofre')
    await decided(checker.page, 'sealing_rotate')
    await decided(maker.page, 'sealing_rotate')
    expect(await currentKey()).toBe(2)
    await maker.go('/sealing')
    await maker.page.getByRole('row', { name: /nº 2.*Atual/ }).waitFor()

    await maker.go('/audit?action=operator.sealing_rotate')
    await bothAreOnTheTrail(maker, 'operator.sealing_rotate', why)
    await checker.leave()
    await maker.leave()
  }, 120_000)

  test('is not done where the second person says no', async () => {
    const why = 'Troca fora de hora'
    const before = await currentKey()
    const maker = await (await Visitor.at('admin')).logIn(first(), '/sealing')
    await maker.page.getByRole('button', { name: 'Trocar a chave' }).click()
    await withReason(maker.page, why, 'Trocar a chave')
    await proposed(maker.page)

    const checker = await (await Visitor.at('admin')).logIn(second, '/approvals')
    await card(checker.page, why).getByRole('button', { name: 'Recusar', exact: true }).click()
    await withReason(checker.page, 'Só no sábado', 'Recusar')
    await maker.page.locator('main [data-status=rejected]').first().waitFor()
    expect(await currentKey()).toBe(before)
    await checker.leave()
    await maker.leave()
  }, 120_000)
})

describe('a payment whose outcome nobody knows', () => {
  test('is ended by two people with evidence, and its payer sees the end', async () => {
    await paidCharge(50_00)
    const { id } = await payout(43_21, 'endless@simulator.example')
    const payer = await (await Visitor.at('banking')).logIn(login().owner, `/payouts/${id}`)
    await status(payer.page, 'processing')

    await Mishap.age(id)
    const why = 'Extrato de 26 de novembro, página 2'
    const maker = await (await Visitor.at('admin')).logIn(first())
    await maker.page.getByRole('link', { name: '1 pagamento sem desfecho conhecido' }).click()
    const row = maker.page.getByRole('row').filter({ hasText: money(43_21) })
    await row.getByText('Aceito', { exact: true }).waitFor()
    await row.getByRole('button', { name: 'Decidir' }).click()
    await maker.page.getByRole('radio', { name: /^O dinheiro saiu/ }).check()
    await withReason(maker.page, why, 'Decidir')
    await proposed(maker.page)
    await status(payer.page, 'processing')

    const checker = await (await Visitor.at('admin')).logIn(second, '/approvals')
    await card(checker.page, why).getByText(money(43_21)).waitFor()
    await card(checker.page, why).getByText('Se aprovado: o dinheiro saiu').waitFor()
    await approve(checker.page, why, 'Vi o extrato')
    await decided(maker.page, 'payment_decide')
    await status(payer.page, 'confirmed')
    await maker.go('/in-doubt')
    await maker.page.getByText('Nenhum desfecho em aberto').waitFor()

    await maker.go(`/audit?subject=${id}`)
    await bothAreOnTheTrail(maker, 'operator.payment_decide', why)
    for (const visitor of [checker, maker, payer]) await visitor.leave()
  }, 120_000)
})

const APPROVE = 'Aprovar e fazer agora'

/** The dialog says that nothing was done, and leads to where it is decided. */
async function proposed(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Proposto; falta outra pessoa' })
  await dialog.getByText('Nada foi feito ainda').waitFor()
  await dialog.getByRole('link', { name: 'Ver aprovações' }).click()
  await page.waitForURL(/\/approvals/)
}

/** The proposal that bears this reason. */
function card(page: Page, why: string) {
  return page.locator('main section section').filter({ hasText: why })
}

function ownProposal(page: Page, why: string) {
  return card(page, why).getByText('Você propôs: outra pessoa precisa aprovar')
}

async function approve(page: Page, why: string, because: string): Promise<void> {
  await card(page, why).getByRole('button', { name: APPROVE }).click()
  await withReason(page, because, APPROVE)
  await page.getByText('O que a ação respondeu').first().waitFor()
}

/** Among those that are decided, as everybody sees them. */
async function decided(page: Page, action: string): Promise<void> {
  const row = page.getByRole('row').filter({ hasText: action })
  await row.locator('[data-status=approved]').first().waitFor()
}

/** Past the page, which does not offer it. */
async function approveAlone(why: string): Promise<Json> {
  const maker = await Caller.signedIn(first())
  const { approvals } = await maker.call('GET', '/operations/approvals')
  const own = approvals.find((one: Json) => one.arguments.reason === why)
  return maker.call('POST', `/operations/approvals/${own.id}/approve`, { reason: 'Sozinho' })
}

async function currentKey(): Promise<number> {
  const { keys } = await (await Caller.signedIn(first())).call('GET', '/operations/sealing')
  return Math.max(...keys.map((one: Json) => one.id))
}

/** On the page that says who did what: who proposed it, and who had it done. */
async function bothAreOnTheTrail({ page }: Visitor, action: string, why: string): Promise<void> {
  const lines = page.getByRole('row').filter({ hasText: action })
  for (const who of [first(), second]) {
    const { id } = await (await Caller.signedIn(who)).call('GET', '/auth/me')
    await lines.filter({ hasText: id.slice(-8) }).first().waitFor()
  }
  await lines.first().getByRole('button', { name: action }).click()
  await page.getByRole('dialog').getByText(`: ${why}`).waitFor()
}
