import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const WORDS = ['run', 'verify', 'asm', 'disasm', 'inspect'] as const

test.each([
  ['verfy', 'verify'],
  ['rnu', 'run'],
  ['dissasm', 'disasm'],
  ['inspekt', 'inspect'],
  ['conformance', undefined],
  ['x', undefined],
])('%s may have meant %s', (word, meant) => {
  expect(nearest(word, WORDS)).toBe(meant)
})
