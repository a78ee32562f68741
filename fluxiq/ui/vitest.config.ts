import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [vue()],
  // Some tests read the tables of the platform, to agree with them.
  server: { fs: { allow: ['..'] } },
  test: {
    environment: 'happy-dom',
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
    restoreMocks: true,
    maxWorkers: 2,
  },
})
