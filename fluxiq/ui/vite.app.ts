import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { compression } from 'vite-plugin-compression2'
import type { UserConfig } from 'vite'

/** What libraries leave out when nobody asks for it. */
const UNUSED = {
  __VUE_OPTIONS_API__: false,
  __VUE_PROD_DEVTOOLS__: false,
}

/**
 * How each app is built and, while somebody works on it, served: on its own port, with `config.json`
 * from `public/` naming the API.
 */
export function app(port: number): UserConfig {
  return {
    plugins: [
      vue(),
      tailwindcss(),
      compression({ algorithms: ['gzip', 'brotliCompress'], include: /\.(js|css|html|svg|json)$/ }),
    ],
    define: UNUSED,
    build: { manifest: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
    server: { port, strictPort: true, host: '127.0.0.1' },
  }
}
