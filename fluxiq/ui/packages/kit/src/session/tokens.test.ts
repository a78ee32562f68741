import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { jsonAnswer, refusal, testToken } from '../testing'

type Tab = typeof import('./tokens')

let asked: string[]
let answer: () => Response | Promise<Response>
let count: number

beforeEach(() => {
  asked = []
  count = 0
  localStorage.clear()
  answer = () => jsonAnswer({ data: { access_token: testToken({ jti: (count += 1) }), expires_in: 900 } })
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url)
    await pause()
    return answer()
  })
  vi.stubGlobal('navigator', { ...window.navigator, locks: newLocks() })
})

afterEach(() => vi.unstubAllGlobals())

/** As the browser's: one at a time under a name, in order. */
function newLocks() {
  let last: Promise<unknown> = Promise.resolve()
  return {
    request: (_: string, work: () => Promise<unknown>) => {
      last = last.then(work, work)
      return last
    },
  }
}

/** Each import of the module is a tab of its own; channel and locks they share. */
async function openTab(): Promise<Tab> {
  vi.resetModules()
  return import('./tokens')
}

const pause = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms))

describe('a refresh', () => {
  it('is one, whoever asks for it at the same time', async () => {
    const tab = await openTab()
    const tokens = await Promise.all([tab.refreshNow(null), tab.refreshNow(null), tab.refreshNow(null)])
    expect(asked).toHaveLength(1)
    expect(new Set(tokens).size).toBe(1)
  })

  it('is never two at the same time, among tabs', async () => {
    const [one, other] = [await openTab(), await openTab()]
    let atOnce = 0
    let most = 0
    const give = answer
    answer = async () => {
      most = Math.max(most, (atOnce += 1))
      await pause()
      atOnce -= 1
      return give()
    }
    await Promise.all([one.refreshNow(null), other.refreshNow(null)])
    expect(most).toBe(1)
  })

  it('of one tab serves the others', async () => {
    const [one, other] = [await openTab(), await openTab()]
    const token = await one.refreshNow(null)
    await pause()
    expect(other.heldToken()).toBe(token)
    expect(await other.refreshNow('an older one')).toBe(token)
    expect(asked).toHaveLength(1)
  })

  it('that is refused ends the session; one that nobody answers does not', async () => {
    const tab = await openTab()
    tab.adopt({ access_token: testToken(), expires_in: 900 })
    answer = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(tab.refreshNow(tab.heldToken())).rejects.toMatchObject({ code: 'unreachable' })
    expect(tab.mayHaveSession()).toBe(true)

    answer = () => refusal(401, 'unauthorized')
    expect(await tab.refreshNow(tab.heldToken())).toBeNull()
    expect(tab.mayHaveSession()).toBe(false)
  })
})

describe('an access token', () => {
  it('is exchanged before its end, by the clock of the page and no other', async () => {
    const tab = await openTab()
    vi.spyOn(Date, 'now').mockReturnValue(0)
    tab.adopt({ access_token: 'long', expires_in: 900 })
    expect(await tab.accessToken()).toBe('long')
    expect(asked).toHaveLength(0)

    tab.adopt({ access_token: 'short', expires_in: 20 })
    expect(await tab.accessToken()).not.toBe('short')
    expect(asked).toHaveLength(1)
  })

  it('goes on being used while no other can be had', async () => {
    const tab = await openTab()
    answer = () => Promise.reject(new TypeError('Failed to fetch'))
    tab.adopt({ access_token: 'short', expires_in: 20 })
    expect(await tab.accessToken()).toBe('short')
  })

  it('is nowhere but in memory', async () => {
    const tab = await openTab()
    const token = await tab.refreshNow(null)
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain(token)
  })
})

describe('a session that is over', () => {
  it('is over in every tab when somebody leaves', async () => {
    const [one, other] = [await openTab(), await openTab()]
    one.adopt({ access_token: testToken(), expires_in: 900 })
    await pause()
    const heard = vi.fn()
    other.onToken(heard)
    one.forget()
    await pause()
    expect(heard).toHaveBeenCalledExactlyOnceWith(null)
    expect(other.heldToken()).toBeNull()
  })

  it('goes on for the same person, and for nobody else', async () => {
    const tab = await openTab()
    const heard = vi.fn()
    tab.adopt({ access_token: testToken({ sub: 'usr_a' }), expires_in: 900 })
    tab.onToken(heard)

    const same = tab.signedInAgain()
    expect(heard).toHaveBeenCalledWith(tab.EXPIRED)
    const next = testToken({ sub: 'usr_a', jti: 'next' })
    tab.adopt({ access_token: next, expires_in: 900 })
    expect(await same).toBe(next)

    const other = tab.signedInAgain()
    tab.adopt({ access_token: testToken({ sub: 'usr_b' }), expires_in: 900 })
    expect(await other).toBeNull()

    const nobody = tab.signedInAgain()
    tab.forget()
    expect(await nobody).toBeNull()
  })

  it('asks nobody for a password who was never signed in', async () => {
    const tab = await openTab()
    expect(await tab.signedInAgain()).toBeNull()
  })
})
