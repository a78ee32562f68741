import { describe, expect, it } from 'vitest'
import { clientText } from './client'

describe('what a program calls itself', () => {
  it('is told by browser and system', () => {
    const edge = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0'
    const safari = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
    expect(clientText(edge)).toBe('Edge · Windows')
    expect(clientText(safari)).toBe('Safari · iOS')
  })

  it('is shown as it came where it is no browser', () => {
    expect(clientText('fluxiq-sdk/1.0')).toBe('fluxiq-sdk/1.0')
  })
})
