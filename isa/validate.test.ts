import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyProgram, propertyRuns, wildBytes } from './arbitrary.ts'
import { decode, isWellFormed } from './instruction.ts'
import { describeFlaw, type Flaw, firstFlaw, flaws, renderFlaw } from './validate.ts'

const VECTORS = join(import.meta.dirname, '../../shared/conformance/isa-vectors.json')

const program = (hex: string) => decode(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')))

interface Vector {
  readonly name: string
  readonly program: string
  readonly rejected?: boolean
}

describe('conformance vectors', () => {
  test('malformed ones are refused, all others pass', (ctx) => {
    if (!existsSync(VECTORS)) ctx.skip('the conformance vectors are not beside the project')
    const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vector[]
    expect(vectors).toHaveLength(240)
    const refused = vectors.filter((vector) => firstFlaw(program(vector.program)) !== undefined)
    expect(refused.map(({ name }) => name)).toEqual(vectors.filter((vector) => vector.rejected).map(({ name }) => name))
    expect(refused).toHaveLength(34)
  })
})

const EXIT = '9500000000000000'

/** Programs, their flaws in order, and the message of the first. */
const CASES: readonly (readonly [name: string, hex: string, flaws: readonly Flaw[], message: string])[] = [
  ['no instructions', '', [{ kind: 'empty', slot: 0 }], 'the program has no instructions'],
  [
    'a byte that is no opcode',
    `ff00000000000000 ${EXIT}`,
    [{ kind: 'unknown-opcode', slot: 0, opcode: 0xff }],
    'instruction 0: unknown opcode 0xff',
  ],
  [
    'a division with off 2',
    `3700020001000000 ${EXIT}`,
    [{ kind: 'unknown-form', slot: 0, field: 'off', value: 2 }],
    'instruction 0: no instruction of this opcode has off 2',
  ],
  [
    'a cast between address spaces that there are not',
    `bf10010005000000 ${EXIT}`,
    [{ kind: 'unknown-form', slot: 0, field: 'imm', value: 5 }],
    'instruction 0: no instruction of this opcode has imm 5',
  ],
  [
    'a sign-extending move of 9 bits',
    `bf10090000000000 ${EXIT}`,
    [{ kind: 'unknown-form', slot: 0, field: 'off', value: 9 }],
    'instruction 0: no instruction of this opcode has off 9',
  ],
  [
    'an atomic operation that there is not',
    `db10000002000000 ${EXIT}`,
    [{ kind: 'unknown-form', slot: 0, field: 'imm', value: 2 }],
    'instruction 0: no instruction of this opcode has imm 2',
  ],
  [
    'a call of kind 3',
    `8530000001000000 ${EXIT}`,
    [{ kind: 'unknown-form', slot: 0, field: 'src', value: 3 }],
    'instruction 0: no instruction of this opcode has src 3',
  ],
  [
    'reserved fields',
    `8721030004000000 ${EXIT}`,
    [
      { kind: 'reserved-field', slot: 0, field: 'src', value: 2 },
      { kind: 'reserved-field', slot: 0, field: 'off', value: 3 },
      { kind: 'reserved-field', slot: 0, field: 'imm', value: 4 },
    ],
    'instruction 0: src is unused and must be 0, not 2',
  ],
  [
    'registers that there are not',
    `bfcb000000000000 ${EXIT}`,
    [
      { kind: 'bad-register', slot: 0, field: 'dst', value: 11 },
      { kind: 'bad-register', slot: 0, field: 'src', value: 12 },
    ],
    'instruction 0: dst names register 11; there are r0 to r10',
  ],
  [
    'a write to the frame pointer',
    `070a000008000000 ${EXIT}`,
    [{ kind: 'frame-pointer-written', slot: 0 }],
    'instruction 0: r10 is read only',
  ],
  [
    'an atomic that leaves the old value in the frame pointer',
    `dba1000001000000 ${EXIT}`,
    [{ kind: 'frame-pointer-written', slot: 0 }],
    'instruction 0: r10 is read only',
  ],
  [
    'a 64-bit immediate without its second slot',
    '1800000001000000',
    [{ kind: 'second-half-missing', slot: 0 }],
    'instruction 0: the 64-bit immediate lacks its second slot',
  ],
  [
    'a second slot that holds more than an immediate',
    `1800000001000000 0721030004000000 ${EXIT}`,
    [
      { kind: 'second-half-malformed', slot: 1, field: 'opcode', value: 7 },
      { kind: 'second-half-malformed', slot: 1, field: 'dst', value: 1 },
      { kind: 'second-half-malformed', slot: 1, field: 'src', value: 2 },
      { kind: 'second-half-malformed', slot: 1, field: 'off', value: 3 },
    ],
    'instruction 1: opcode of the second slot of a 64-bit immediate must be 0, not 7',
  ],
  [
    'a jump behind the end',
    `0500010000000000 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: 2 }],
    'instruction 0: leads to instruction 2, outside the program',
  ],
  [
    'a jump before the start',
    `1500feff00000000 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: -1 }],
    'instruction 0: leads to instruction -1, outside the program',
  ],
  [
    'a long jump out',
    `0600000000010000 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: 257 }],
    'instruction 0: leads to instruction 257, outside the program',
  ],
  [
    'a may_goto out',
    `e500640000000000 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: 101 }],
    'instruction 0: leads to instruction 101, outside the program',
  ],
  [
    'a call out',
    `8510000000000070 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: 0x70000001 }],
    'instruction 0: leads to instruction 1879048193, outside the program',
  ],
  [
    'the address of a function outside',
    `1841000005000000 0000000000000000 ${EXIT}`,
    [{ kind: 'target-outside', slot: 0, target: 6 }],
    'instruction 0: leads to instruction 6, outside the program',
  ],
  [
    'a jump into a 64-bit immediate',
    `0500010000000000 1800000001000000 0000000000000000 ${EXIT}`,
    [{ kind: 'target-inside-ld-imm64', slot: 0, target: 2 }],
    'instruction 0: leads to instruction 2, the middle of a 64-bit immediate',
  ],
  [
    'a last instruction that goes on',
    'b700000000000000',
    [{ kind: 'falls-off-end', slot: 0 }],
    'instruction 0: the program runs off its end here',
  ],
  [
    'a last 64-bit immediate',
    `${EXIT} 1800000001000000 0000000000000000`,
    [{ kind: 'falls-off-end', slot: 1 }],
    'instruction 1: the program runs off its end here',
  ],
  [
    'a conditional jump at the end',
    `${EXIT} 1500feff00000000`,
    [{ kind: 'falls-off-end', slot: 1 }],
    'instruction 1: the program runs off its end here',
  ],
]

describe('flaws', () => {
  test.each(CASES)('%s', (_, hex, expected, message) => {
    const found = [...flaws(program(hex))]
    expect(found).toEqual(expected)
    expect(renderFlaw(found[0]!)).toBe(message)
    expect(message.endsWith(describeFlaw(found[0]!))).toBe(true)
    expect(firstFlaw(program(hex))).toEqual(expected[0])
  })

  test.each([
    ['a division by an immediate of 0', `3700000000000000 ${EXIT}`],
    ['a shift by more than the width', `6400000030000000 ${EXIT}`],
    ['a program that ends in a jump back', '0500ffff00000000'],
    ['a program that ends in a long jump back', '06000000ffffffff'],
    ['callx', `8d01000000000000 ${EXIT}`],
    ['a read of the frame pointer', `bfa1000000000000 ${EXIT}`],
  ])('%s is none', (_, hex) => {
    expect(firstFlaw(program(hex))).toBeUndefined()
  })

  test('generated programs have none', () => {
    fc.assert(
      fc.property(anyProgram, (insns) => {
        expect([...flaws(insns)]).toEqual([])
      }),
      { numRuns: propertyRuns(300) },
    )
  })

  test('each slot that is not well formed has one', () => {
    fc.assert(
      fc.property(wildBytes, (bytes) => {
        const insns = decode(bytes)
        const flawed = new Set([...flaws(insns)].map((flaw) => flaw.slot))
        insns.forEach((insn, slot) => {
          if (!isWellFormed(insn)) expect(flawed).toContain(slot)
        })
      }),
      { numRuns: propertyRuns(500) },
    )
  })
})
