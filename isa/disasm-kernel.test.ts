import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyInstruction, propertyRuns, wildBytes } from './arbitrary.ts'
import { kernelText } from './disasm-kernel.ts'
import { build, decode } from './instruction.ts'
import { rowNamed, TABLE } from './table.ts'

const LINES: readonly (readonly [string, string])[] = readFileSync(
  join(import.meta.dirname, 'fixtures/kernel-text.txt'),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ')).trim()])

const first = (hex: string) => decode(Uint8Array.from(Buffer.from(hex, 'hex')))[0]!

describe('what Linux prints', () => {
  test.each(LINES)('%s is %s', (hex, text) => {
    expect(kernelText(first(hex))).toBe(text)
  })

  test('every row but calls of names, packet loads of 64 bits and callx is among these', () => {
    const seen = new Set(LINES.map(([hex]) => first(hex)).map((insn) => insn.row.name))
    const missing = TABLE.map((row) => row.name).filter((name) => !seen.has(name))
    expect(missing).toEqual([
      'ld_map_fd',
      'ld_map_value',
      'ld_btf_id',
      'ld_map_idx',
      'ld_map_idx_value',
      'call_kfunc',
      'callx',
    ])
  })
})

describe('names', () => {
  const names = {
    helper: (id: number) => new Map([[5, 'bpf_ktime_get_ns']]).get(id),
    kfunc: (id: number, off: number) => (id === 64231 && off === 0 ? 'bpf_iter_num_new' : undefined),
    address: () => 0xffff_8881_4735_0c00n,
  }
  test.each([
    ['a helper', build(rowNamed('call_helper'), { imm: 5 }), '(85) call bpf_ktime_get_ns#5'],
    ['a helper of no name', build(rowNamed('call_helper'), { imm: 9999 }), '(85) call unknown#9999'],
    ['a helper of a negative number', build(rowNamed('call_helper'), { imm: -1 }), '(85) call unknown#-1'],
    ['a kfunc', build(rowNamed('call_kfunc'), { imm: 64231 }), '(85) call bpf_iter_num_new#64231'],
    ['a kfunc left unresolved', build(rowNamed('call_kfunc')), '(85) call #0'],
    ['a local function, which has none', build(rowNamed('call_local'), { imm: 5 }), '(85) call pc+5'],
    ['a map', build(rowNamed('ld_map_fd'), { dst: 1, imm: 3 }), '(18) r1 = 0xffff888147350c00'],
    ['a map value', build(rowNamed('ld_map_idx_value'), { dst: 1, imm: 3 }), '(18) r1 = 0xffff888147350c00'],
    ['a plain immediate', build(rowNamed('ld_imm64'), { dst: 1, imm: 3 }), '(18) r1 = 0x3'],
    ['a function, which prints its displacement', build(rowNamed('ld_func'), { dst: 2, imm: 5 }), '(18) r2 = 0x5'],
  ])('%s', (_, insn, text) => {
    expect(kernelText(insn, names)).toBe(text)
  })

  test('without names the numbers are printed', () => {
    expect(kernelText(build(rowNamed('call_helper'), { imm: 5 }))).toBe('(85) call unknown#5')
    expect(kernelText(build(rowNamed('ld_map_fd'), { dst: 1, imm: 3 }))).toBe('(18) r1 = 0x3')
  })

  test('an address that may not be seen is 0', () => {
    const insn = build(rowNamed('ld_map_fd'), { dst: 1, imm: 3 })
    expect(kernelText(insn, { address: () => 0n })).toBe('(18) r1 = 0x0')
  })
})

describe('anything at all has a text', () => {
  test.each([
    ['ff00000000000000', 'BUG_ff'],
    ['0000000000000000', 'BUG_ld_00'],
    ['f900000000000000', 'BUG_ldx_f9'],
    ['9a00000000000000', 'BUG_st_9a'],
    ['8d01000000000000', '(8d) callx r1'],
  ])('%s is %s', (hex, text) => {
    expect(kernelText(first(hex))).toBe(text)
  })

  test('wild bytes', () => {
    fc.assert(
      fc.property(wildBytes, (bytes) => {
        for (const insn of decode(bytes))
          expect(kernelText(insn)).toMatch(/^(\([0-9a-f]{2}\) (?!.*undefined).+|BUG_.+)$/)
      }),
      { numRuns: propertyRuns(500) },
    )
  })

  test('well-formed instructions never print as undefined', () => {
    fc.assert(
      fc.property(anyInstruction, (insn) => {
        expect(kernelText(insn)).toMatch(/^\([0-9a-f]{2}\) (?!.*(undefined|null|BUG)).+$/)
      }),
      { numRuns: propertyRuns(500) },
    )
  })
})
