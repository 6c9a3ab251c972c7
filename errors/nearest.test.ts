import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const WORDS = ['exit', 'goto', 'gotol', 'may_goto', 'array', 'percpu_array', 'bpf_map_lookup_elem', 'head', 'bpf_loop']

test.each([
  ['ext', 'exit'],
  ['eixt', 'exit'],
  ['EXIT', 'exit'],
  ['goot', 'goto'],
  ['gotol1', 'gotol'],
  ['arry', 'array'],
  ['percpu_aray', 'percpu_array'],
  ['bpf_map_lookup', 'bpf_map_lookup_elem'],
  ['bpf_map_lookup_element', 'bpf_map_lookup_elem'],
  ['exit', undefined],
  ['xyz', undefined],
  ['h', undefined],
  ['', undefined],
  ['heaven', undefined],
  ['a'.repeat(65), undefined],
])('%s: %s', (word, expected) => {
  expect(nearest(word, WORDS)).toBe(expected)
})

test('one edit in a longer word is found again', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WORDS.filter((word) => word.length > 5)), fc.nat(), fc.nat(), (word, at, letter) => {
      const i = at % word.length
      const changed = `${word.slice(0, i)}${String.fromCharCode(0x41 + (letter % 26))}${word.slice(i + 1)}`
      fc.pre(changed.toLowerCase() !== word)
      expect(nearest(changed, WORDS)).toBe(word)
    }),
    { numRuns: process.env.HARENA_LONG === undefined ? 100 : 1000 },
  )
})

const COMMANDS = ['run', 'verify', 'asm', 'disasm', 'inspect'] as const

test.each([
  ['verfy', 'verify'],
  ['rnu', 'run'],
  ['dissasm', 'disasm'],
  ['inspekt', 'inspect'],
  ['conformance', undefined],
  ['x', undefined],
])('%s may have meant %s', (word, meant) => {
  expect(nearest(word, COMMANDS)).toBe(meant)
})
