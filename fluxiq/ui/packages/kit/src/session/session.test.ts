import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { answerOf, api } from '../api/client'
import { type FakeApi, fakeApi, refusal, testToken } from '../testing'
import { useSession } from './session'
import { adopt, forget } from './tokens'
import { useLogin } from './useLogin'

const DOCUMENT = '529.982.247-25'

let server: FakeApi

function tokens(claims: Record<string, unknown> = {}) {
  return { data: { access_token: testToken(claims), token_type: 'Bearer', expires_in: 900 } }
}

beforeEach(() => {
  vi.spyOn(window.location, 'assign').mockImplementation(() => {})
  forget()
  setActivePinia(createPinia())
  server = fakeApi({ 'POST /api/v1/auth/login': tokens(), 'GET /api/v1/auth/me': { data: { name: 'Ana Lima' } } })
})

afterEach(() => useSession().$dispose())

const accounts = () => answerOf(api.GET('/api/v1/accounts', { params: { query: {} } }))

describe('signing in', () => {
  it('gives who it is and what they may do', async () => {
    const session = useSession()
    await session.login({ document: DOCUMENT, password: 'secret' })
    expect(server.asked[0]!.body).toEqual({ document: DOCUMENT, password: 'secret', cookie: true })
    expect(session.person).toMatchObject({ role: 'owner', merchantId: 'mch_test', ispb: '12345678' })
    expect(session.may('pix:write')).toBe(true)
    expect(session.may('operations:read')).toBe(false)
    await vi.waitFor(() => expect(session.person?.name).toBe('Ana Lima'))
  })

  it('asks for the institution and for the code when the API does, and only then', async () => {
    const login = useLogin()
    login.document.value = DOCUMENT
    login.password.value = 'secret'

    server.answer('POST /api/v1/auth/login', () => refusal(422, 'validation_failed', 'which', { field: 'ispb' }))
    expect(await login.signIn()).toBe(false)
    expect(login.asksIspb.value).toBe(true)
    expect(login.failure.value).toBeNull()
    expect(await login.signIn()).toBe(false)
    expect(login.problem.value).toBe('ispb')

    login.ispb.value = '12345678'
    server.answer('POST /api/v1/auth/login', () => refusal(401, 'totp_required'))
    await login.signIn()
    expect(login.step.value).toBe('totp')

    login.totp.value = '123456'
    server.answer('POST /api/v1/auth/login', tokens())
    expect(await login.signIn()).toBe(true)
    expect(server.asked.find(({ body }) => (body as { totp?: string })?.totp)!.body).toMatchObject({ totp: '123456', ispb: '12345678' })
  })

  it('with a document that is none asks nobody', async () => {
    const login = useLogin()
    login.document.value = '123'
    login.password.value = 'secret'
    expect(await login.signIn()).toBe(false)
    expect(login.problem.value).toBe('document')
    expect(server.asked).toEqual([])
  })

  it('with a one-time password goes on to a password of one’s own', async () => {
    const login = useLogin()
    login.document.value = DOCUMENT
    login.password.value = 'one-time'
    server.answer('POST /api/v1/auth/login', tokens({ password_change: true }))
    server.answer('POST /api/v1/auth/password', tokens())
    await login.signIn()
    expect(login.step.value).toBe('password')

    expect(await login.choosePassword('too short', 'too short')).toBe(false)
    expect(await login.choosePassword('a sentence of mine', 'a sentence of yours')).toBe(false)
    expect(login.problem.value).toBe('different')
    expect(await login.choosePassword('a sentence of mine', 'a sentence of mine')).toBe(true)
    expect(server.asked.find(({ path }) => path.endsWith('/password'))!.body).toEqual({
      current_password: 'one-time',
      new_password: 'a sentence of mine',
      cookie: true,
    })
    expect(login.step.value).toBe('login')
  })
})

describe('a call with a token that is over', () => {
  beforeEach(() => {
    server.answer('GET /api/v1/accounts', (asked) => {
      const isOld = asked.headers.get('Authorization') === `Bearer ${testToken({ jti: 'old' })}`
      return isOld ? refusal(401, 'unauthorized') : { data: ['acc_1'], meta: {} }
    })
  })

  it('is made once more with the next one', async () => {
    useSession()
    adopt({ access_token: testToken({ jti: 'old' }), expires_in: 900 })
    server.answer('POST /api/v1/auth/refresh', tokens({ jti: 'new' }))
    expect(await accounts()).toMatchObject({ data: ['acc_1'] })
    const paths = server.asked.map(({ path }) => path).filter((path) => path !== '/api/v1/auth/me')
    expect(paths).toEqual(['/api/v1/accounts', '/api/v1/auth/refresh', '/api/v1/accounts'])
  })

  it('waits for the password where the session is over, and goes on then', async () => {
    const session = useSession()
    adopt({ access_token: testToken({ jti: 'old' }), expires_in: 900 })
    server.answer('POST /api/v1/auth/refresh', () => refusal(401, 'unauthorized'))

    const call = accounts()
    await vi.waitFor(() => expect(session.isExpired).toBe(true))
    expect(session.isSignedIn).toBe(true)

    server.answer('POST /api/v1/auth/login', tokens({ jti: 'new' }))
    await session.login({ document: DOCUMENT, password: 'secret' })
    expect(await call).toMatchObject({ data: ['acc_1'] })
    expect(session.isExpired).toBe(false)
    expect(window.location.assign).not.toHaveBeenCalled()
  })

  it('is not made for somebody else, whose page is loaded anew', async () => {
    const session = useSession()
    adopt({ access_token: testToken({ jti: 'old' }), expires_in: 900 })
    server.answer('POST /api/v1/auth/refresh', () => refusal(401, 'unauthorized'))
    const call = accounts()
    await vi.waitFor(() => expect(session.isExpired).toBe(true))

    server.answer('POST /api/v1/auth/login', tokens({ sub: 'usr_other' }))
    await session.login({ document: DOCUMENT, password: 'secret' })
    await expect(call).rejects.toMatchObject({ code: 'unauthorized' })
    expect(window.location.assign).toHaveBeenCalledWith('/')
  })
})

describe('signing out', () => {
  it('works also where the API does not answer', async () => {
    const session = useSession()
    await session.login({ document: DOCUMENT, password: 'secret' })
    server.answer('POST /api/v1/auth/logout', () => refusal(503, 'unavailable'))
    await session.logout()
    expect(session.isSignedIn).toBe(false)
  })
})
