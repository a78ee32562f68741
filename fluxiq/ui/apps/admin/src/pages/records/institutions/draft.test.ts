import { describe, expect, it } from 'vitest'
import { declarationOf, emptyDraft, wrongOfIdentity, wrongOfProvider } from './draft'

const known = { ...emptyDraft(), ispb: '87654321', name: ' Banco do Bairro ' }
const psp = {
  ...known,
  kind: 'bacen_psp' as const,
  link: 'main',
  url: 'https://psp.example.com',
  certificateFile: 'psp.crt',
  keyFile: 'psp.key',
  schemeFile: 'psp.hmac',
}

describe('the draft of an institution', () => {
  it('knows an ISPB of digits and capitals, and takes no ledger for the next free one', () => {
    expect(wrongOfIdentity(known)).toEqual([])
    expect(wrongOfIdentity({ ...known, ispb: '1234', name: ' ', ledger: '0' })).toEqual(['ispb', 'name', 'ledger'])
    expect(wrongOfIdentity({ ...known, ispb: '1234abcd', ledger: '4294967296' })).toEqual(['ispb', 'ledger'])
  })

  it('asks a real provider for an https address and its files, the simulator for nothing', () => {
    expect(wrongOfProvider(known)).toEqual([])
    expect(wrongOfProvider(psp)).toEqual([])
    expect(wrongOfProvider({ ...psp, url: 'http://psp', keyFile: '', schemeFile: '' })).toEqual(['url', 'keyFile', 'schemeFile'])
    expect(wrongOfProvider({ ...psp, scheme: 'mtls_only', schemeFile: '' })).toEqual([])
  })

  it('leaves to the platform what was left empty', () => {
    expect(declarationOf(known, 'pilot')).toEqual({
      ispb: '87654321',
      name: 'Banco do Bairro',
      ledger_policy: 'standin_limited',
      providers: [{ name: 'simulator', kind: 'simulator' }],
      reason: 'pilot',
    })
  })

  it('names the file that the scheme of the callbacks needs, and none where it needs none', () => {
    const [link] = declarationOf({ ...psp, scheme: 'rsa_sha256', ledger: '7', approvalAbove: 0 }, 'go').providers
    expect(link?.callback).toEqual({ scheme: 'rsa_sha256', public_key_file: 'psp.hmac' })
    expect(link?.psp).toEqual({ certificate_file: 'psp.crt', key_file: 'psp.key' })
    expect(declarationOf({ ...psp, scheme: 'mtls_only' }, 'go').providers[0]?.callback).toEqual({ scheme: 'mtls_only' })
    expect(declarationOf({ ...psp, approvalAbove: 0 }, 'go').transfer_approval_above).toBe(0)
  })
})
