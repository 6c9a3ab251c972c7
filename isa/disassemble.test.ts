import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { propertyRuns, wildBytes } from './arbitrary.ts'
import { disassemble } from './disassemble.ts'
import { build, decode, encode, secondHalf } from './instruction.ts'
import { rowNamed } from './table.ts'

const PROGRAM = [
  build(rowNamed('ld_map_fd'), { dst: 1, imm: 3 }),
  secondHalf(0),
  build(rowNamed('jeq64_imm'), { dst: 1, off: 3, imm: 0 }),
  build(rowNamed('call_helper'), { imm: 7 }),
  build(rowNamed('call_local'), { imm: 2 }),
  build(rowNamed('goto'), { off: -4 }),
  build(rowNamed('exit')),
  build(rowNamed('call_kfunc'), { imm: 42, off: 1 }),
  build(rowNamed('exit')),
]

const names = {
  helper: (id: number) => (id === 7 ? 'bpf_get_prandom_u32' : undefined),
  kfunc: (id: number, off: number) => (id === 42 && off === 1 ? 'bpf_cpumask_create' : undefined),
}

describe('LLVM syntax', () => {
  test('labels targets and functions', () => {
    expect(disassemble(PROGRAM, { syntax: 'llvm' })).toBe(`  ld_pseudo r1, 1, 3
L2:
  if r1 == 0 goto L6
  call 7
  call fn_7
  goto L2
L6:
  exit
fn_7:
  call kfunc 42, 1
  exit
`)
  })

  test('names what it can in comments', () => {
    const lines = disassemble(PROGRAM, { syntax: 'llvm', names }).split('\n')
    expect(lines[3]).toBe('  call 7                                # bpf_get_prandom_u32')
    expect(lines[9]).toBe('  call kfunc 42, 1                      # bpf_cpumask_create')
  })

  test('puts symbols where they are given', () => {
    const symbols = new Map([
      [0, 'hits'],
      [3, 'bpf_get_prandom_u32'],
      [4, 'count'],
    ])
    const lines = disassemble(PROGRAM, { syntax: 'llvm', symbol: (slot) => symbols.get(slot) }).split('\n')
    expect(lines[0]).toBe('  r1 = hits ll')
    expect(lines[3]).toBe('  call bpf_get_prandom_u32')
    expect(lines[4]).toBe('  call count')
  })

  test('keeps displacements that lead to no instruction', () => {
    const program = [
      build(rowNamed('goto'), { off: 1 }),
      build(rowNamed('ld_imm64'), { dst: 1 }),
      secondHalf(0),
      build(rowNamed('goto'), { off: 5 }),
    ]
    expect(disassemble(program, { syntax: 'llvm' })).toBe('  goto +1\n  r1 = 0 ll\n  goto +5\n')
  })

  test('gives the bytes of what is no instruction, and says why', () => {
    const bytes = Buffer.from('0710000001000000851000000000000118000000010000009500000000000000ff00000000000000', 'hex')
    expect(
      disassemble(decode(bytes), { syntax: 'llvm' }),
    ).toBe(`  .quad 0x0000000100001007              # src is unused and must be 0, not 1
  .quad 0x0100000000001085              # leads to instruction 16777218, outside the program
  .quad 0x0000000100000018
  .quad 0x0000000000000095              # opcode of the second slot of a 64-bit immediate must be 0, not 149
  .quad 0x00000000000000ff              # unknown opcode 0xff
`)
  })

  test('nothing is the empty text', () => {
    expect(disassemble([], { syntax: 'llvm' })).toBe('')
  })

  test('every slot of wild bytes has its line, or half of one', () => {
    fc.assert(
      fc.property(wildBytes, (bytes) => {
        const program = decode(bytes)
        const lines = disassemble(program, { syntax: 'llvm' }).split('\n').slice(0, -1)
        const statements = lines.filter((line) => line.startsWith('  '))
        const wide = statements.filter((line) => / ll$|^ {2}ld_pseudo/.test(line)).length
        expect(statements.length + wide).toBe(encode(program).length / 8)
      }),
      { numRuns: propertyRuns(300) },
    )
  })
})

describe("the log's syntax", () => {
  test('numbers slots, an LD_IMM64 taking two', () => {
    expect(disassemble(PROGRAM, { syntax: 'kernel', names })).toBe(`0: (18) r1 = 0x3
2: (15) if r1 == 0x0 goto pc+3
3: (85) call bpf_get_prandom_u32#7
4: (85) call pc+2
5: (05) goto pc-4
6: (95) exit
7: (85) call bpf_cpumask_create#42
8: (95) exit
`)
  })
})
