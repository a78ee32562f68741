// People at the API without a browser: the same person elsewhere, or a colleague who is made first.
import { places } from './places'
import type { Person } from './platform'
import type { Json } from './world'

export class Caller {
  private constructor(private readonly token: string) {}

  static async signedIn({ document, password }: Person): Promise<Caller> {
    const { access_token } = await ask('POST', '/auth/login', null, { document, password })
    return new Caller(access_token)
  }

  call(method: string, path: string, body?: object): Promise<Json> {
    return ask(method, path, this.token, body)
  }
}

/** Another owner beside this one, who has chosen a password of their own already. */
export async function colleague(owner: Person, name: string): Promise<Person> {
  const document = newCpf()
  const by = await Caller.signedIn(owner)
  const { password: once } = await by.call('POST', '/users', { document, name, role: 'owner' })
  const newcomer = await Caller.signedIn({ document, password: once })
  const password = 'quatro pinheiros na chuva'
  await newcomer.call('POST', '/auth/password', { current_password: once, new_password: password })
  return { document, password }
}

/** The session that a token is of. */
export function sessionIn(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid
}

async function ask(method: string, path: string, token: string | null, body?: object): Promise<Json> {
  const answer = await fetch(`${places().api}/api/v1${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text).data
}

/** A CPF that nobody has here, with the check digits that belong to it. */
export function newCpf(): string {
  const nine = Array.from({ length: 9 }, () => Math.floor(Math.random() * 10))
  const check = (digits: number[]) => {
    const sum = digits.reduce((total, digit, place) => total + digit * (digits.length + 1 - place), 0)
    return ((sum * 10) % 11) % 10
  }
  const ten = [...nine, check(nine)]
  return [...ten, check(ten)].join('')
}
