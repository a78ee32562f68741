import { fakeApi, mountPage, signOut } from '@fluxiq/kit/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import NextAttempt from './NextAttempt.vue'

describe('the next attempt', () => {
  beforeEach(() => void fakeApi())
  afterEach(() => {
    signOut()
    vi.unstubAllGlobals()
  })

  const shownAfter = async (milliseconds: number) =>
    (await mountPage(NextAttempt, { props: { at: new Date(Date.now() + milliseconds).toISOString(), relative: true } })).text()

  it('is told when it will be', async () => {
    expect(await shownAfter(5.5 * 60_000)).toBe('em 5 minutos')
  })

  it('is due when its time has passed, and not in the past', async () => {
    expect(await shownAfter(-60_000)).toBe('a qualquer momento')
  })
})
