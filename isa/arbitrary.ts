/** Generators of instructions and programs for property tests (fast-check); nothing but tests imports them. */
import fc from 'fast-check'
import { build, type Instruction, secondHalf } from './instruction.ts'
import { FRAME_POINTER, Pseudo, REGISTER_COUNT, SLOT_BYTES } from './opcode.ts'
import { defMask } from './registers.ts'
import { Field, Kind, type Row, TABLE } from './table.ts'

/** Runs of a property: ten times as many in the long test. */
export const propertyRuns = (runs: number): number => (process.env.HARENA_LONG === undefined ? runs : runs * 10)

const ANY_S32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.integer(),
  fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 255, 256, 65535, 65536),
)
const ANY_S16: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
)
const ANY_REGISTER: fc.Arbitrary<number> = fc.nat(REGISTER_COUNT - 1)

/** Well-formed instructions of one row with random operands; a jump's displacement leads anywhere. */
export function instructionOf(row: Row): fc.Arbitrary<Instruction> {
  const used = (field: Field, values: fc.Arbitrary<number>): fc.Arbitrary<number> =>
    field === Field.USED ? values : fc.constant(0)
  return fc
    .record({
      dst: used(row.dst, ANY_REGISTER),
      src: used(row.src, ANY_REGISTER),
      off: used(row.off, ANY_S16),
      imm: used(row.imm, ANY_S32),
      imm2: row.kind === Kind.LD_IMM64 ? ANY_S32 : fc.constant(0),
    })
    .map((fields) => build(row, fields))
}

/** A well-formed instruction of any row. */
export const anyInstruction: fc.Arbitrary<Instruction> = fc.constantFrom(...TABLE).chain(instructionOf)

/** The slots of an instruction: an LD_IMM64 with its second half. */
export function slots(insn: Instruction): Instruction[] {
  return insn.row.kind === Kind.LD_IMM64 ? [insn, secondHalf(insn.imm2)] : [insn]
}

/**
 * Whole slots of wild bytes. Half of the opcodes are of the table and half of the fields small, so that most slots
 * come near to an instruction.
 */
export const wildBytes: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.record({
      opcode: fc.oneof(fc.constantFrom(...TABLE.map((row) => row.opcode)), fc.nat(255)),
      registers: fc.oneof(fc.constant(0), fc.nat(255)),
      off: fc.oneof(fc.constantFrom(-1, 0, 1, 8, 16, 32), ANY_S16),
      imm: fc.oneof(fc.constantFrom(0, 1, 16, 32, 64, 0xe1, 0xf1, 0x100, 0x10000), ANY_S32),
    }),
    { maxLength: 40 },
  )
  .map((wild) => {
    const view = new DataView(new ArrayBuffer(wild.length * SLOT_BYTES))
    wild.forEach(({ opcode, registers, off, imm }, slot) => {
      view.setUint8(slot * SLOT_BYTES, opcode)
      view.setUint8(slot * SLOT_BYTES + 1, registers)
      view.setInt16(slot * SLOT_BYTES + 2, off, true)
      view.setInt32(slot * SLOT_BYTES + 4, imm, true)
    })
    return new Uint8Array(view.buffer)
  })

/**
 * Programs without a flaw (validate.ts), one element a slot: every jump and local call lands on an instruction, the
 * last is exit. What they do is anything at all: they may loop, read registers never written, or use wild pointers.
 */
export const anyProgram: fc.Arbitrary<Instruction[]> = fc
  .array(fc.tuple(anyInstruction, fc.nat()), { maxLength: 60 })
  .map((drawn) => land([...drawn, [build(TABLE.find((row) => row.kind === Kind.EXIT)!), 0]]))

/** Turns displacements so that they land on instructions, chosen by the number drawn beside each. */
function land(drawn: readonly (readonly [Instruction, number])[]): Instruction[] {
  const starts: number[] = []
  let size = 0
  for (const [insn] of drawn) {
    starts.push(size)
    size += slots(insn).length
  }
  return drawn.flatMap(([insn, choice], index) => {
    const displacement = starts[choice % starts.length]! - starts[index]! - 1
    return slots(landed(insn, displacement))
  })
}

function landed(insn: Instruction, displacement: number): Instruction {
  const { row } = insn
  // Nothing may write the frame pointer: use r0 in its place.
  const dst = (defMask(insn) & (1 << FRAME_POINTER)) !== 0 && insn.dst === FRAME_POINTER ? 0 : insn.dst
  const src = (defMask(insn) & (1 << FRAME_POINTER)) !== 0 && insn.src === FRAME_POINTER ? 0 : insn.src
  const fields = { dst, src, off: insn.off, imm: insn.imm, imm2: insn.imm2 }
  switch (row.kind) {
    case Kind.JA:
      return build(row, row.width === 32 ? { ...fields, imm: displacement } : { ...fields, off: displacement })
    case Kind.JCOND:
    case Kind.MAY_GOTO:
      return build(row, { ...fields, off: displacement })
    case Kind.CALL_LOCAL:
      return build(row, { ...fields, imm: displacement })
    case Kind.LD_IMM64:
      return row.pseudo === Pseudo.FUNC ? build(row, { ...fields, imm: displacement }) : build(row, fields)
    default:
      return build(row, fields)
  }
}
