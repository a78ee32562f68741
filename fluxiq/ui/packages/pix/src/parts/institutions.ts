/**
 * Institutions that people know by name, by their ISPB (Banco Central, participants of the STR and
 * the SPI). The API has no list of participants: these spare most people looking theirs up, and any
 * other ISPB may be typed.
 */
const NAMES: Readonly<Record<string, string>> = {
  '00000000': 'Banco do Brasil',
  '00360305': 'Caixa Econômica Federal',
  '00416968': 'Banco Inter',
  '01181521': 'Sicredi',
  '02038232': 'Sicoob',
  '08561701': 'PagBank',
  '10573521': 'Mercado Pago',
  '18236120': 'Nubank',
  '22896431': 'PicPay',
  '30306294': 'BTG Pactual',
  '31872495': 'C6 Bank',
  '58160789': 'Banco Safra',
  '60701190': 'Itaú Unibanco',
  '60746948': 'Bradesco',
  '90400888': 'Santander',
  '92702067': 'Banrisul',
}

const ISPB = /^[0-9A-Z]{8}$/

export const INSTITUTIONS = Object.entries(NAMES)
  .map(([ispb, name]) => ({ ispb, name }))
  .sort((one, other) => one.name.localeCompare(other.name, 'pt-BR'))

/** The ISPB that somebody means: typed, or by the name of one institution and of no other. */
export function ispbOf(text: string): string | null {
  const typed = text.trim().replace(/[a-z]/g, (one) => one.toUpperCase())
  if (ISPB.test(typed) && /[0-9]/.test(typed)) return typed

  const wanted = folded(text)
  if (wanted === '') return null
  const named = INSTITUTIONS.filter(({ name }) => folded(name).includes(wanted))
  const whole = named.find(({ name }) => folded(name) === wanted)
  return whole?.ispb ?? (named.length === 1 ? named[0]!.ispb : null)
}

/** By name where it is known, always with the ISPB: that is what decides where money goes. */
export function institutionText(ispb: string): string {
  const name = NAMES[ispb]
  const said = `ISPB\u00a0${ispb}`
  return name === undefined ? said : `${name} (${said})`
}

export function institutionName(ispb: string): string {
  return NAMES[ispb] ?? ispb
}

function folded(text: string): string {
  return text.trim().normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}
