import type { RouteRecordRaw } from 'vue-router'

/** A route to a page that is loaded when somebody goes there; `permission` is what its reads ask for. */
export function page(
  path: string,
  pt: string,
  en: string,
  component: () => Promise<unknown>,
  permission?: string,
): RouteRecordRaw {
  return { path, component, meta: { title: { 'pt-BR': pt, en }, ...(permission && { permission }) } }
}
