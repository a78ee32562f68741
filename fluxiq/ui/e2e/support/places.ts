// Where everything is: the platform that all journeys share, or one of a file's own.
import { afterAll, beforeAll, inject } from 'vitest'
import { Platform, type Places } from './platform'

let own: Places | undefined

export function places(): Places {
  return own ?? inject('places')
}

/** In a file whose journeys need other settings: all of them are at a platform that has these, until they are over. */
export function withPlatform(settings: Record<string, string>): void {
  const platform = new Platform(settings)
  beforeAll(async () => {
    own = await platform.start()
  }, 120_000)
  afterAll(() => platform.stop(), 90_000)
}
