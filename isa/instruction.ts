/**
 * Instructions as plain data, and their encoding: eight bytes a slot, little endian (RFC 9669, section 3).
 *
 *     byte 0   byte 1       bytes 2-3   bytes 4-7
 *     opcode   src<<4|dst   off (s16)   imm (s32)
 *
 * Programs are arrays with one element a slot, so an index here is the index that Linux prints: an LD_IMM64 takes
 * two, the second of kind LD_IMM64_HI.
 */
import { SLOT_BYTES } from './opcode.ts'
import { Field, Kind, LD_IMM64_HI, type Row, rowsOf, TABLE, UNKNOWN } from './table.ts'

/** Index of a slot in a program, as in the verifier's log. */
export type Slot = number & { readonly __brand?: 'slot' }

export interface Instruction {
  readonly row: Row
  /** The byte as encoded; equals `row.opcode` but for UNKNOWN and LD_IMM64_HI. */
  readonly opcode: number
  readonly dst: number
  readonly src: number
  /** s16 */
  readonly off: number
  /** s32 */
  readonly imm: number
  /** LD_IMM64: the upper half of the immediate (s32); else 0. */
  readonly imm2: number
  /** False when a field that tells rows apart holds a value no row has (`row` is then the nearest one). */
  readonly exact: boolean
}

/** The one place where instructions are made, so that all have one shape. */
export function makeInstruction(
  row: Row,
  dst: number,
  src: number,
  off: number,
  imm: number,
  imm2 = 0,
  opcode: number = row.opcode,
  exact = true,
): Instruction {
  return { row, opcode, dst, src, off, imm, imm2, exact }
}

/** Fields of an instruction to be built; fixed fields are filled in from the row. */
export interface Fields {
  readonly dst?: number
  readonly src?: number
  readonly off?: number
  readonly imm?: number
  readonly imm2?: number
}

/** An instruction of `row`, with the fields the row fixes filled in. */
export function build(row: Row, fields: Fields = {}): Instruction {
  let src = fields.src ?? 0
  let off = fields.off ?? 0
  let imm = fields.imm ?? 0
  const select = row.select
  if (select?.field === 'src') src = select.value
  if (select?.field === 'off') off = select.value
  if (select?.field === 'imm') imm = select.value
  if (isCast(row)) off = CAST_OFF
  return makeInstruction(row, fields.dst ?? 0, src, off, imm, fields.imm2 ?? 0)
}

/** The slots of `program`, LD_IMM64 followed by its second half. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * SLOT_BYTES)
  const view = new DataView(bytes.buffer)
  program.forEach((insn, slot) => {
    const at = slot * SLOT_BYTES
    view.setUint8(at, insn.opcode)
    view.setUint8(at + 1, (insn.src << 4) | insn.dst)
    view.setInt16(at + 2, insn.off, true)
    view.setInt32(at + 4, insn.imm, true)
  })
  return bytes
}

/** The second slot that goes with a LD_IMM64. */
export function secondHalf(imm2: number): Instruction {
  return makeInstruction(LD_IMM64_HI, 0, 0, 0, imm2, 0, 0)
}

/**
 * Decodes raw instructions, one element a slot, losing nothing: encode gives the same bytes back. Never fails: what
 * is no encoding comes back with the row UNKNOWN, fields that no row allows with `exact` false; validate.ts says
 * what is wrong.
 * @throws RangeError when the length is no multiple of eight.
 */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % SLOT_BYTES !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole number of instructions of ${SLOT_BYTES} bytes`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const program: Instruction[] = []
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    const next = at + SLOT_BYTES
    const whole = next < bytes.length
    // A last slot without its second half stands alone, as if that half were zero; validation refuses it.
    const insn = decodeSlot(view, at, whole ? view.getInt32(next + 4, true) : 0)
    program.push(insn)
    if (insn.row.kind === Kind.LD_IMM64 && whole) {
      program.push(decodeSecondHalf(view, next))
      at = next
    }
  }
  return program
}

/** The instruction at byte `at`; `nextImm` is the immediate of the slot behind it, which LD_IMM64 takes in. */
function decodeSlot(view: DataView, at: number, nextImm: number): Instruction {
  const opcode = view.getUint8(at)
  const registers = view.getUint8(at + 1)
  const src = registers >> 4
  const off = view.getInt16(at + 2, true)
  const imm = view.getInt32(at + 4, true)
  const meant = findRow(opcode, src, off, imm)
  const row = meant ?? rowsOf(opcode)[0] ?? UNKNOWN
  const imm2 = row.kind === Kind.LD_IMM64 ? nextImm : 0
  return makeInstruction(row, registers & 15, src, off, imm, imm2, opcode, meant !== undefined || row === UNKNOWN)
}

/** The slot behind an LD_IMM64 is its second half whatever it holds, as nothing can be run there. */
function decodeSecondHalf(view: DataView, at: number): Instruction {
  const registers = view.getUint8(at + 1)
  return makeInstruction(
    LD_IMM64_HI,
    registers & 15,
    registers >> 4,
    view.getInt16(at + 2, true),
    view.getInt32(at + 4, true),
    0,
    view.getUint8(at),
  )
}

/** Opcode bytes of which some row is chosen by `off`: the plain row is then meant by off 0 only. */
const CHOSEN_BY_OFF: ReadonlySet<number> = new Set(
  TABLE.filter((row) => row.select?.field === 'off').map((row) => row.opcode),
)

/** The row meant by an opcode byte and its selecting fields; undefined when none is. */
export function findRow(opcode: number, src: number, off: number, imm: number): Row | undefined {
  for (const row of rowsOf(opcode)) {
    const { select } = row
    if (select === undefined) {
      if (off === 0 || !CHOSEN_BY_OFF.has(opcode)) return row
    } else {
      const value = select.field === 'src' ? src : select.field === 'off' ? off : imm
      if (value === select.value && (!isCast(row) || off === CAST_OFF)) return row
    }
  }
  return undefined
}

/** A cast is a 64-bit MOV of a register with this `off`; only then does `imm` choose. */
export const CAST_OFF = 1

function isCast(row: Row): boolean {
  return row.kind === Kind.CAST_KERN || row.kind === Kind.CAST_USER
}

/** True when the fields that `insn`'s row does not use are all zero and the fields that select it are known. */
export function isWellFormed(insn: Instruction): boolean {
  const { row } = insn
  if (row.kind === Kind.UNKNOWN || !insn.exact) return false
  if (row.kind === Kind.LD_IMM64_HI) return insn.opcode === 0 && insn.dst === 0 && insn.src === 0 && insn.off === 0
  return (
    insn.dst < 11 &&
    insn.src < 11 &&
    (row.dst !== Field.ZERO || insn.dst === 0) &&
    (row.src !== Field.ZERO || insn.src === 0) &&
    (row.off !== Field.ZERO || insn.off === 0) &&
    (row.imm !== Field.ZERO || insn.imm === 0)
  )
}
