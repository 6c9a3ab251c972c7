/**
 * Is a program well encoded? Checks what RFC 9669 says of encodings and nothing of what the program does: used for
 * programs that run without the verifier, which has checks and messages of its own.
 *
 * Division by an immediate of zero and shifts by more than the width are not flaws: the RFC defines both (sections
 * 4.1: a quotient of zero, a masked shift).
 */
import { fallsThrough, jumpTarget, referenceTarget, slotsOf } from './flow.ts'
import { CAST_OFF, type Instruction } from './instruction.ts'
import { hexByte } from './notation.ts'
import { FRAME_POINTER, REGISTER_COUNT } from './opcode.ts'
import { defMask } from './registers.ts'
import { Field, Kind, rowsOf, type Select } from './table.ts'

type FieldName = 'dst' | 'src' | 'off' | 'imm'

/** One thing wrong with an encoding, at a slot. */
export type Flaw =
  | { readonly kind: 'empty'; readonly slot: 0 }
  | { readonly kind: 'unknown-opcode'; readonly slot: number; readonly opcode: number }
  /** A field that selects among the instructions of one opcode holds a value that none has. */
  | { readonly kind: 'unknown-form'; readonly slot: number; readonly field: FieldName; readonly value: number }
  /** A field that the instruction does not use is not zero. */
  | { readonly kind: 'reserved-field'; readonly slot: number; readonly field: FieldName; readonly value: number }
  | { readonly kind: 'bad-register'; readonly slot: number; readonly field: 'dst' | 'src'; readonly value: number }
  | { readonly kind: 'frame-pointer-written'; readonly slot: number }
  | { readonly kind: 'second-half-missing'; readonly slot: number }
  /** The second slot of an LD_IMM64 holds more than an immediate. */
  | {
      readonly kind: 'second-half-malformed'
      readonly slot: number
      readonly field: 'opcode' | 'dst' | 'src' | 'off'
      readonly value: number
    }
  /** A jump, a call or a function's address leads out of the program. */
  | { readonly kind: 'target-outside'; readonly slot: number; readonly target: number }
  /** ... or to the second half of an LD_IMM64. */
  | { readonly kind: 'target-inside-ld-imm64'; readonly slot: number; readonly target: number }
  | { readonly kind: 'falls-off-end'; readonly slot: number }

/** The first flaw of `program` (one element a slot), or undefined when it is well encoded. */
export function firstFlaw(program: readonly Instruction[]): Flaw | undefined {
  for (const flaw of flaws(program)) return flaw
  return undefined
}

/** Every flaw of `program` (one element a slot), in slot order. */
export function* flaws(program: readonly Instruction[]): Generator<Flaw> {
  if (program.length === 0) yield { kind: 'empty', slot: 0 }
  for (let slot = 0; slot < program.length; slot++) yield* flawsAt(program, slot)
}

/** The flaws of one slot of `program`. */
export function flawsAt(program: readonly Instruction[], slot: number): Generator<Flaw> {
  const insn = program[slot]!
  return insn.row.kind === Kind.LD_IMM64_HI ? secondHalfFlaws(insn, slot) : instructionFlaws(program, insn, slot)
}

function* instructionFlaws(program: readonly Instruction[], insn: Instruction, slot: number): Generator<Flaw> {
  if (insn.row.kind === Kind.UNKNOWN) {
    yield { kind: 'unknown-opcode', slot, opcode: insn.opcode }
    return
  }
  if (!insn.exact) {
    const field = decidingField(insn)
    yield { kind: 'unknown-form', slot, field, value: insn[field] }
    return
  }
  yield* fieldFlaws(insn, slot)
  yield* targetFlaws(program, insn, slot)
  const next = slot + slotsOf(insn)
  if (next > program.length) yield { kind: 'second-half-missing', slot }
  else if (next === program.length && fallsThrough(insn)) yield { kind: 'falls-off-end', slot }
}

/** The field whose value no row has. A register move is chosen by off, and where that makes it a cast, by imm. */
function decidingField(insn: Instruction): Select['field'] {
  const cast = rowsOf(insn.opcode).find((row) => row.kind === Kind.CAST_KERN)
  if (cast !== undefined) return insn.off === CAST_OFF ? 'imm' : 'off'
  return insn.row.select?.field ?? 'off'
}

function* fieldFlaws(insn: Instruction, slot: number): Generator<Flaw> {
  const { row } = insn
  for (const field of ['dst', 'src', 'off', 'imm'] as const) {
    const value = insn[field]
    if (row[field] === Field.ZERO && value !== 0) yield { kind: 'reserved-field', slot, field, value }
  }
  for (const field of ['dst', 'src'] as const) {
    const value = insn[field]
    if (row[field] === Field.USED && value >= REGISTER_COUNT) yield { kind: 'bad-register', slot, field, value }
  }
  if ((defMask(insn) & (1 << FRAME_POINTER)) !== 0) yield { kind: 'frame-pointer-written', slot }
}

function* secondHalfFlaws(insn: Instruction, slot: number): Generator<Flaw> {
  for (const field of ['opcode', 'dst', 'src', 'off'] as const) {
    const value = insn[field]
    if (value !== 0) yield { kind: 'second-half-malformed', slot, field, value }
  }
}

function* targetFlaws(program: readonly Instruction[], insn: Instruction, slot: number): Generator<Flaw> {
  const target = jumpTarget(insn, slot) ?? referenceTarget(insn, slot)
  if (target === undefined) return
  const there = program[target]
  if (there === undefined) yield { kind: 'target-outside', slot, target }
  else if (there.row.kind === Kind.LD_IMM64_HI) yield { kind: 'target-inside-ld-imm64', slot, target }
}

/** A flaw as a sentence, without the program's name. */
export function renderFlaw(flaw: Flaw): string {
  return flaw.kind === 'empty' ? describeFlaw(flaw) : `instruction ${flaw.slot}: ${describeFlaw(flaw)}`
}

/** What is wrong, without the place. */
export function describeFlaw(flaw: Flaw): string {
  switch (flaw.kind) {
    case 'empty':
      return 'the program has no instructions'
    case 'unknown-opcode':
      return `unknown opcode 0x${hexByte(flaw.opcode)}`
    case 'unknown-form':
      return `no instruction of this opcode has ${flaw.field} ${flaw.value}`
    case 'reserved-field':
      return `${flaw.field} is unused and must be 0, not ${flaw.value}`
    case 'bad-register':
      return `${flaw.field} names register ${flaw.value}; there are r0 to r${REGISTER_COUNT - 1}`
    case 'frame-pointer-written':
      return `r${FRAME_POINTER} is read only`
    case 'second-half-missing':
      return 'the 64-bit immediate lacks its second slot'
    case 'second-half-malformed':
      return `${flaw.field} of the second slot of a 64-bit immediate must be 0, not ${flaw.value}`
    case 'target-outside':
      return `leads to instruction ${flaw.target}, outside the program`
    case 'target-inside-ld-imm64':
      return `leads to instruction ${flaw.target}, the middle of a 64-bit immediate`
    case 'falls-off-end':
      return 'the program runs off its end here'
    default:
      return flaw satisfies never
  }
}
