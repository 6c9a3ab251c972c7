/** What the disassembler writes, the assembler reads back to the same bytes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyProgram, instructionOf, propertyRuns, slots, wildBytes } from '../isa/arbitrary.ts'
import { disassemble } from '../isa/disassemble.ts'
import { decode, encode } from '../isa/instruction.ts'
import { TABLE } from '../isa/table.ts'
import { assemble } from './assemble.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function assembledBytes(text: string): string {
  return hex(encode(assemble(text).programs[0]!.insns))
}

describe('disassembled text', () => {
  test.each(TABLE.map((row) => [row.name, row] as const))('%s with random operands', (_, row) => {
    fc.assert(
      fc.property(instructionOf(row), (insn) => {
        const program = slots(insn)
        expect(assembledBytes(disassemble(program, { syntax: 'llvm' }))).toBe(hex(encode(program)))
      }),
      { numRuns: propertyRuns(10) },
    )
  })

  test('of whole programs', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        expect(assembledBytes(disassemble(program, { syntax: 'llvm' }))).toBe(hex(encode(program)))
      }),
      { numRuns: propertyRuns(100) },
    )
  })

  test('of wild bytes', () => {
    fc.assert(
      fc.property(wildBytes, (bytes) => {
        fc.pre(bytes.length > 0)
        expect(assembledBytes(disassemble(decode(bytes), { syntax: 'llvm' }))).toBe(hex(bytes))
      }),
      { numRuns: propertyRuns(100) },
    )
  })

  test('of every form that LLVM knows', () => {
    const fixtures = join(import.meta.dirname, '../isa/fixtures')
    const text = readFileSync(join(fixtures, 'all-forms.s'), 'utf8')
    const bytes = readFileSync(join(fixtures, 'all-forms.hex'), 'utf8').replaceAll('\n', '')
    expect(assembledBytes(text)).toBe(bytes)
  })
})
