import type { components } from '@fluxiq/kit'

export type Declaration = components['schemas']['DeclareInstitution']
type Link = Declaration['providers'][number]

export const POLICIES = ['fail_closed', 'queue_only', 'standin_limited', 'standin_full'] as const
export const KINDS = ['simulator', 'bacen_psp'] as const

/** How a provider signs its callbacks, and which file the platform needs to check that. */
export const SCHEMES = {
  hmac_sha256: 'secret_file',
  hmac_sha256_body: 'secret_file',
  manifest_hmac: 'secret_file',
  rsa_sha256: 'public_key_file',
  ecdsa_sha256: 'public_key_file',
  static_token: 'token_file',
  mtls_only: null,
} as const
export type Scheme = keyof typeof SCHEMES
export const SCHEME_NAMES = Object.keys(SCHEMES) as Scheme[]

/** What the wizard asks for, as it stands in its boxes. */
export interface Draft {
  ispb: string
  name: string
  ledger: string
  policy: (typeof POLICIES)[number]
  approvalAbove: number | null
  kind: (typeof KINDS)[number]
  link: string
  url: string
  certificateFile: string
  keyFile: string
  caFile: string
  scheme: Scheme
  schemeFile: string
}

export function emptyDraft(): Draft {
  return {
    ispb: '',
    name: '',
    ledger: '',
    policy: 'standin_limited',
    approvalAbove: null,
    kind: 'simulator',
    link: 'simulator',
    url: '',
    certificateFile: '',
    keyFile: '',
    caFile: '',
    scheme: 'hmac_sha256',
    schemeFile: '',
  }
}

export type Wrong = 'ispb' | 'name' | 'ledger' | 'link' | 'url' | 'certificateFile' | 'keyFile' | 'schemeFile'

const LEDGER_MAX = 2 ** 32 - 1

export function wrongOfIdentity({ ispb, name, ledger }: Draft): Wrong[] {
  const number = Number(ledger)
  return [
    ...(/^[0-9A-Z]{8}$/.test(ispb) ? [] : (['ispb'] as const)),
    ...(name.trim() ? [] : (['name'] as const)),
    ...(ledger === '' || (Number.isInteger(number) && number >= 1 && number <= LEDGER_MAX) ? [] : (['ledger'] as const)),
  ]
}

export function wrongOfProvider(draft: Draft): Wrong[] {
  const wrong: Wrong[] = /^[a-z][a-z0-9_]{0,30}$/.test(draft.link) ? [] : ['link']
  if (draft.kind === 'simulator') return wrong
  if (!/^https:\/\/\S+$/.test(draft.url)) wrong.push('url')
  if (!draft.certificateFile.trim()) wrong.push('certificateFile')
  if (!draft.keyFile.trim()) wrong.push('keyFile')
  if (SCHEMES[draft.scheme] !== null && !draft.schemeFile.trim()) wrong.push('schemeFile')
  return wrong
}

/** As the API takes it. What was left empty is the platform's to choose. */
export function declarationOf(draft: Draft, reason: string): Declaration {
  return {
    ispb: draft.ispb,
    name: draft.name.trim(),
    ledger_policy: draft.policy,
    ...(draft.ledger && { ledger: Number(draft.ledger) }),
    ...(draft.approvalAbove !== null && { transfer_approval_above: draft.approvalAbove }),
    providers: [draft.kind === 'simulator' ? { name: draft.link, kind: 'simulator' } : pspOf(draft)],
    reason,
  }
}

function pspOf(draft: Draft): Link {
  const file = SCHEMES[draft.scheme]
  const callback = { scheme: draft.scheme, ...(file !== null && { [file]: draft.schemeFile.trim() }) }
  return {
    name: draft.link,
    kind: 'bacen_psp',
    url: draft.url.trim(),
    // Which file belongs to which scheme is in SCHEMES, where no type can follow.
    callback: callback as NonNullable<Link['callback']>,
    psp: {
      certificate_file: draft.certificateFile.trim(),
      key_file: draft.keyFile.trim(),
      ...(draft.caFile.trim() && { ca_file: draft.caFile.trim() }),
    },
  }
}
