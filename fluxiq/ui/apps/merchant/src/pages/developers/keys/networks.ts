export const NETWORKS_MAX = 50

/** One network a line, as people paste them: commas and blank lines are no obstacle. */
export function networksOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))]
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/
const V6 = /^(?=.*:)[\da-f:.]+(?:\/(\d{1,3}))?$/i

/** Whether it looks like an address or a network in CIDR notation; the API looks closer. */
export function isNetwork(text: string): boolean {
  const v4 = V4.exec(text)
  if (v4) return v4.slice(1, 5).every((one) => Number(one) <= 255) && Number(v4[5] ?? 32) <= 32
  const v6 = V6.exec(text)
  return v6 !== null && Number(v6[1] ?? 128) <= 128
}
