import js from '@eslint/js'
import globals from 'globals'
import vue from 'eslint-plugin-vue'
import accessibility from 'eslint-plugin-vuejs-accessibility'
import ts from 'typescript-eslint'

const PAGE_LINES_MAX = 250

/** Who may import whom: apps the packages, `pix` the kit. */
function restricted(regex, message) {
  return { patterns: [{ regex, message }] }
}

export default ts.config(
  { ignores: ['**/dist/', '**/node_modules/', '**/schema.d.ts', 'screenshots/'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...accessibility.configs['flat/recommended'],
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      'max-lines': ['error', PAGE_LINES_MAX],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      // Lines are as long as a reader likes them; the compiler sees types.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'always', normal: 'always', component: 'always' } }],
      'vue/multi-word-component-names': 'off',
      'vue/require-default-prop': 'off',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/no-v-html': 'error',
      'no-undef': 'off',
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    files: ['apps/**', 'packages/**'],
    rules: {
      'no-restricted-imports': ['error', restricted('^@fluxiq/(?!kit|pix)', 'What two apps need lives in a package.')],
    },
  },
  {
    files: ['packages/kit/**'],
    rules: {
      'no-restricted-imports': ['error', restricted('^@fluxiq/', 'The kit knows nobody who uses it.')],
    },
  },
  {
    files: ['scripts/**', 'e2e/**'],
    languageOptions: { globals: { ...globals.node } },
    rules: { 'no-console': 'off' },
  },
)
