/** Whatever the text is, it assembles or is refused with complaints that point into it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssemblyError } from '../errors/errors.ts'
import { assemble } from './assemble.ts'

const numRuns = process.env.HARENA_LONG === undefined ? 300 : 3000

const WORDS =
  'r0 r1 w2 r10 r11 w99 0 1 -1 0x7f 08 4294967296 = += s>>= == s< & * + - / % << ( ) [ ] { } , : ; \n . .. ~ | ^ @ ' +
  'u64 s8 ptr ll skb goto gotol may_goto if call callx kfunc exit lock ld_pseudo load_acquire store_release be16 ' +
  'atomic_fetch_add xchg_64 cmpxchg32_32 addr_space_cast l: l 1: 1b 1f .map .struct .end .global .license .program ' +
  '.func .include .set .alloc .text .data .section .type .quad .long .ascii .zero .p2align .size .comm .loc type=xdp ' +
  'type=array item item.size item.id a: "text" "a.inc" \'c\' \' " /* */ // # bpf_map_lookup_elem list_head global'

/** Pieces of the language in any order. */
const soup: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...WORDS.split(' ')), { maxLength: 60 })
  .map((words) => words.join(' '))

const SOURCES = ['fixtures/spellings.s', 'fixtures/mix.s', 'fixtures/lone-debug.s'].map((name) =>
  readFileSync(join(import.meta.dirname, name), 'utf8'),
)

/** Real sources with pieces cut out, doubled and replaced. */
const damaged: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...SOURCES),
    fc.array(
      fc.record({ at: fc.nat(), length: fc.nat(20), put: fc.constantFrom('', '\n', '"', '(', 'r1', '\u00e9') }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
  )
  .map(([source, cuts]) =>
    cuts.reduce((text, { at, length, put }) => {
      const from = text.length === 0 ? 0 : at % text.length
      return text.slice(0, from) + put + text.slice(from + length)
    }, source),
  )

function check(source: string): void {
  const read = (path: string): string => (path.endsWith('a.inc') ? source : `r0 = 0\n# ${path}`)
  try {
    assemble(source, { read })
  } catch (error) {
    expect(error).toBeInstanceOf(AssemblyError)
    const { diagnostics } = error as AssemblyError
    expect(diagnostics.length).toBeGreaterThan(0)
    const lines = source.split('\n')
    for (const { file, line, column, text } of diagnostics.filter((d) => d.file === 'input.bpf.s')) {
      expect(text, file).toBe(lines[line - 1]!.replace(/\r$/, ''))
      expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1)
      expect(column).toBeGreaterThan(0)
    }
  }
}

describe('no text brings the assembler down', () => {
  test('pieces of the language', () => {
    fc.assert(fc.property(soup, check), { numRuns })
  })

  test('real sources, damaged', () => {
    fc.assert(fc.property(damaged, check), { numRuns: numRuns / 3 })
  })

  test('any characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), check), { numRuns })
  })
})
