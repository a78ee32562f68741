import type { TestProject } from 'vitest/node'
import { Platform, type Places } from './platform'

declare module 'vitest' {
  interface ProvidedContext {
    places: Places
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const platform = new Platform()
  try {
    project.provide('places', await platform.start())
  } catch (error) {
    await platform.stop()
    throw error
  }
  return () => platform.stop()
}
