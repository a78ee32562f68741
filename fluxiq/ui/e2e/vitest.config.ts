import { defineConfig } from 'vitest/config'

// One platform and one browser for all: the journeys go one after the other, as told.
export default defineConfig({
  test: {
    environment: 'node',
    include: process.env.SPEED ? ['speed.bench.ts'] : ['journeys/*.e2e.ts', 'pages.e2e.ts'],
    globalSetup: './support/setup.ts',
    fileParallelism: false,
    retry: 1, // a browser on a busy machine; what fails twice is broken
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
