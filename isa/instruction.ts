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
import { Field, Kind, LD_IMM64_HI, type Row, rowsOf, UNKNOWN } from './table.ts'

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
  if (row.kind === Kind.CAST_KERN || row.kind === Kind.CAST_USER) off = 1
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
 * Decodes raw instructions, one element a slot. Never fails: what is no encoding comes back with the row UNKNOWN,
 * fields that no row allows with `exact` false; validate.ts says what is wrong.
 * @throws RangeError when the length is no multiple of eight.
 */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % SLOT_BYTES !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole number of instructions of ${SLOT_BYTES} bytes`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.length / SLOT_BYTES
  const program: Instruction[] = []
  for (let slot = 0; slot < count; slot++) {
    const at = slot * SLOT_BYTES
    const opcode = view.getUint8(at)
    const registers = view.getUint8(at + 1)
    const dst = registers & 15
    const src = registers >> 4
    const off = view.getInt16(at + 2, true)
    const imm = view.getInt32(at + 4, true)
    const row = findRow(opcode, src, off, imm)
    if (row === undefined) {
      const nearest = rowsOf(opcode)[0] ?? UNKNOWN
      program.push(makeInstruction(nearest, dst, src, off, imm, 0, opcode, nearest === UNKNOWN))
      if (nearest.kind !== Kind.LD_IMM64) continue
    }
    if ((row ?? rowsOf(opcode)[0])?.kind === Kind.LD_IMM64) {
      // A last slot without its second half stands alone; validation refuses it.
      const imm2 = slot + 1 < count ? view.getInt32(at + 12, true) : 0
      const whole = makeInstruction(
        row ?? rowsOf(opcode)[0] ?? UNKNOWN,
        dst,
        src,
        off,
        imm,
        imm2,
        opcode,
        row !== undefined,
      )
      if (row === undefined) program[program.length - 1] = whole
      else program.push(whole)
      if (slot + 1 < count) {
        slot++
        const next = at + SLOT_BYTES
        const nextRegisters = view.getUint8(next + 1)
        program.push(
          makeInstruction(
            LD_IMM64_HI,
            nextRegisters & 15,
            nextRegisters >> 4,
            view.getInt16(next + 2, true),
            imm2,
            0,
            view.getUint8(next),
          ),
        )
      }
      continue
    }
    if (row !== undefined) program.push(makeInstruction(row, dst, src, off, imm, 0, opcode))
  }
  return program
}

/** The row meant by an opcode byte and its selecting fields; undefined when none is. */
export function findRow(opcode: number, src: number, off: number, imm: number): Row | undefined {
  const rows = rowsOf(opcode)
  for (const row of rows) {
    // A cast is a MOV X with off 1, and only then does imm choose.
    const cast = row.kind === Kind.CAST_KERN || row.kind === Kind.CAST_USER
    if (cast !== (off === 1 && rows.some((r) => r.kind === Kind.CAST_KERN))) continue
    const select = row.select
    if (select !== undefined) {
      const value = select.field === 'src' ? src : select.field === 'off' ? off : imm
      if (value === select.value) return row
    } else if (!rows.some((other) => other.select?.field === 'off' && !isCast(other)) || off === 0) {
      return row
    }
  }
  return undefined
}

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
