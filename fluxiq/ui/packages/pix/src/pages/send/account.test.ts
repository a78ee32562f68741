import { describe, expect, it } from 'vitest'
import { INSTITUTIONS, institutionText, ispbOf } from '../../parts/institutions'
import type { RecipientAccount } from '../../records'
import { accountOf, type AccountDraft, draftOf, emptyAccount, problemsOf } from './account'
import { payeeOfAccount, payeeOfKey, recipientOf } from './payee'
import { recentOf } from './useRecent'

const OWN = '12345678'
const MARIA: AccountDraft = {
  institution: 'Itaú Unibanco',
  branch: '0123',
  number: '12345-x',
  type: 'SVGS',
  document: '529.982.247-25',
  name: '  Maria da Silva ',
}

function problem(changes: Partial<AccountDraft>) {
  return problemsOf({ ...MARIA, ...changes }, OWN)
}

describe('an institution', () => {
  it('is found by its ISPB, or by the name of one and no other', () => {
    expect(ispbOf(' 1a2b3c4d ')).toBe('1A2B3C4D')
    expect(ispbOf('itau')).toBe('60701190')
    expect(ispbOf('BRADESCO')).toBe('60746948')
    expect(ispbOf('Banco')).toBeNull()
    expect(ispbOf('Banco de Ninguém')).toBeNull()
    expect(ispbOf('  ')).toBeNull()
  })

  it('is written with its ISPB, which decides where money goes', () => {
    expect(institutionText('18236120')).toBe('Nubank (ISPB\u00a018236120)')
    expect(institutionText('99999999')).toBe('ISPB\u00a099999999')
    expect(INSTITUTIONS.every(({ ispb }) => /^[0-9A-Z]{8}$/.test(ispb))).toBe(true)
  })
})

describe('an account that somebody typed', () => {
  it('is ordered as the SPI takes it', () => {
    expect(problemsOf(MARIA, OWN)).toEqual({})
    expect(accountOf(MARIA)).toEqual({
      ispb: '60701190',
      branch: '0123',
      number: '12345X',
      type: 'SVGS',
      holder: { document: '52998224725', name: 'Maria da Silva' },
    })
    expect(accountOf({ ...MARIA, branch: ' ' }).branch).toBeNull()
  })

  it('is told of each field that is wrong', () => {
    expect(problemsOf(emptyAccount(), OWN)).toEqual({
      institution: 'wrongInstitution',
      number: 'wrongNumber',
      document: 'wrongDocument',
      name: 'wrongName',
    })
    expect(problem({ institution: OWN })).toEqual({ institution: 'ownInstitution' })
    expect(problem({ branch: '123-4' })).toEqual({ branch: 'wrongBranch' })
    expect(problem({ branch: '12345' })).toEqual({ branch: 'wrongBranch' })
    expect(problem({ number: '1'.repeat(21) })).toEqual({ number: 'wrongNumber' })
    expect(problem({ number: '12ç' })).toEqual({ number: 'wrongNumber' })
    expect(problem({ document: '529.982.247-24' })).toEqual({ document: 'wrongDocument' })
  })

  it('that was paid before comes back without its document', () => {
    const before: RecipientAccount = { ...accountOf(MARIA), holder: { name: 'Maria', document: '***.***.247-**' } }
    const draft = draftOf(before)
    expect(draft).toMatchObject({ institution: '60701190', number: '12345X', name: 'Maria', document: '' })
    expect(problemsOf(draft, OWN)).toEqual({ document: 'wrongDocument' })
  })
})

describe('who is paid', () => {
  it('is a key or an account, and never both', () => {
    const key = { key: 'a@example.com', key_type: 'EMAIL', owner: { name: 'Ana', document: '***.***.247-**' }, ispb: '99999999', bank_name: null }
    expect(recipientOf(payeeOfKey(key))).toEqual({ pix_key: 'a@example.com' })
    expect(recipientOf(payeeOfAccount(MARIA))).toEqual({ account: accountOf(MARIA) })
  })

  it('lately is each way once, newest first', () => {
    const account = { ...accountOf(MARIA), holder: { name: 'Maria', document: '***.***.247-**' } }
    const byKey = { pix_key: 'a@example.com', pix_key_type: 'EMAIL', name: 'Ana', ispb: '99999999' }
    const byAccount = { pix_key: null, pix_key_type: null, name: 'Maria', ispb: '60701190', account }
    const other = { ...byAccount, account: { ...account, number: '999' } }
    const recent = recentOf([byAccount, byKey, byAccount, other, byKey].map((recipient) => ({ recipient })))
    expect(recent.map(({ name, to }) => [name, to.account?.number])).toEqual([['Maria', '12345X'], ['Ana', undefined], ['Maria', '999']])
  })
})
