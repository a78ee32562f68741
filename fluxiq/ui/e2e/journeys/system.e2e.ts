import { randomUUID } from 'node:crypto'
import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { withReason } from '../support/admin'
import { Visitor, withBrowser } from '../support/browser'
import { Caller } from '../support/people'
import { type Json, login, until } from '../support/world'

withBrowser()

const chief = () => login().chief

describe('the tree', () => {
  test('shows a process that is killed with a reason, and that comes back', async () => {
    const path = `root/institutions/${login().ispb}/request_log`
    const reason = `Exercício ${randomUUID().slice(0, 8)}`
    const visitor = await (await Visitor.at('admin')).logIn(chief(), '/tree?view=list')
    const { page } = visitor
    await page.getByText('Ao vivo').first().waitFor()
    await page.getByRole('searchbox', { name: 'Procurar um processo' }).fill(path)
    const row = page.locator(`[role=row][data-path="${path}"]`)
    await row.waitFor()
    const before = await restarts(row)

    await row.click()
    const sheet = page.getByRole('dialog', { name: 'request_log' })
    await sheet.getByRole('button', { name: 'Reiniciar' }).click()
    await withReason(page, reason, 'Reiniciar')
    await page.getByText('request_log foi reiniciado.').waitFor()
    await sheet.getByRole('button', { name: 'Fechar' }).click()

    await page.locator(`[role=row][data-path="${path}"][data-state=running]`).waitFor()
    await page.waitForFunction(
      ([wanted, least]) => {
        const cell = document.querySelector(`[data-path="${wanted}"] [role=gridcell]:nth-child(4)`)
        return Number(cell?.textContent) > Number(least)
      },
      [path, before] as const,
    )
    await page.getByText('voltou').first().waitFor()

    const auditor = await Caller.signedIn(chief())
    await until(
      () => auditor.call('GET', '/audit?per_page=50'),
      (lines: Json[]) => lines.some((line) => JSON.stringify(line).includes(reason)),
    )
    await visitor.leave()
  })

  test('of another institution is not shown to who operates one alone', async () => {
    const visitor = await (await Visitor.at('admin')).logIn(login(1).chief, '/tree?view=list')
    const { page } = visitor
    await page.locator(`[role=row][data-path="root/institutions/${login(1).ispb}"]`).waitFor()
    await page.getByRole('button', { name: 'Abrir tudo' }).click()
    const paths = await page.locator('[role=row][data-path]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-path') ?? ''))
    expect(paths.length).toBeGreaterThan(5)
    expect(paths.filter((path) => !path.startsWith(`root/institutions/${login(1).ispb}`))).toEqual([])
    await visitor.leave()
  })
})

describe('the breaker', () => {
  test('is forced open and given back to itself; where there is none, nothing is offered', async () => {
    const visitor = await (await Visitor.at('admin')).logIn(chief(), '/ledger')
    const { page } = visitor
    await page.getByRole('heading', { name: 'Disjuntor' }).waitFor()
    const breaker = page.locator('main [data-status]').first()
    await breaker.waitFor()
    if ((await breaker.getAttribute('data-status')) === 'unconfigured') {
      // Without TigerBeetle there is nothing to open, and the page offers nothing that would not work.
      await page.getByText('Não há TigerBeetle nesta plataforma').waitFor()
      for (const name of ['Abrir', 'Fechar', 'Deixar no automático']) {
        expect(await page.getByRole('button', { name, exact: true }).count(), name).toBe(0)
      }
      return visitor.leave()
    }
    await breakerOpenedAndClosed(page)
    return visitor.leave()
  }, 120_000)
})

async function breakerOpenedAndClosed(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Abrir', exact: true }).click()
  await withReason(page, 'Exercício de contingência', 'Abrir')
  await page.locator('main [data-status=forced_open]').first().waitFor()
  await page.getByRole('button', { name: 'Deixar no automático' }).click()
  await withReason(page, 'Fim do exercício', 'Deixar no automático')
  await page.locator('main [data-status=closed]').first().waitFor({ timeout: 60_000 })
}

async function restarts(row: Locator): Promise<number> {
  return Number(await row.getByRole('gridcell').nth(3).innerText())
}
