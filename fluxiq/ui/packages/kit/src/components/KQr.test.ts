import { mount } from '@vue/test-utils'
import { encode } from 'uqr'
import { describe, expect, it } from 'vitest'
import KQr from './KQr.vue'

const BR_CODE = '00020126360014br.gov.bcb.pix0114+55119999999995204000053039865802BR5905Maria6009SAO PAULO62070503***6304ABCD'

/** The modules that a path of runs paints, as 'x,y'. */
function painted(path: string): Set<string> {
  const found = new Set<string>()
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    for (let step = 0; step < Number(length); step++) found.add(`${Number(x) + step},${Number(y)}`)
  }
  return found
}

describe('KQr', () => {
  it('paints the dark modules of the code, each of them and no other', () => {
    const path = mount(KQr, { props: { text: BR_CODE, label: 'QR' } }).get('path').attributes('d') ?? ''
    const code = encode(BR_CODE, { ecc: 'M', border: 4 })
    const dark = code.data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`${x},${y}`] : [])))
    expect(painted(path)).toEqual(new Set(dark))
  })

  it('leaves four modules of quiet around, as the standard wants', () => {
    const picture = mount(KQr, { props: { text: BR_CODE, label: 'QR' } })
    const size = Number(picture.attributes('viewBox')?.split(' ')[2])
    const places = [...painted(picture.get('path').attributes('d') ?? '')].flatMap((place) => place.split(',').map(Number))
    expect(Math.min(...places)).toBe(4)
    expect(Math.max(...places)).toBe(size - 5)
  })

  it('is a picture with a name', () => {
    const picture = mount(KQr, { props: { text: BR_CODE, label: 'Código da cobrança' } })
    expect(picture.attributes()).toMatchObject({ role: 'img', 'aria-label': 'Código da cobrança' })
  })
})
