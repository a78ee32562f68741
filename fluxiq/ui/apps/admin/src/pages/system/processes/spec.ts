/** Nested settings as names with dots, and every value as text. */
export function flatSpec(value: Record<string, unknown>, prefix = ''): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const [key, one] of Object.entries(value)) {
    if (one === null) continue
    if (typeof one === 'object' && !Array.isArray(one)) Object.assign(flat, flatSpec(one as Record<string, unknown>, `${prefix}${key}.`))
    else flat[prefix + key] = Array.isArray(one) ? one.map(String).join(', ') : String(one)
  }
  return flat
}
