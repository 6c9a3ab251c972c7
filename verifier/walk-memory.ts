/**
 * Loads, stores and atomics: operand checks, the access itself, and the note of which memory it goes to.
 *
 *     load            base readable -> destination writable -> access -> note
 *     store           fields -> source readable -> base readable -> access -> note
 *     read-modify-    size -> source, base (and r0) readable -> may this memory be used so?
 *     write             -> register that takes the old value -> read, read into it, written -> note
 *
 * The note comes last: it is the type that the base had before the access, which may have overwritten it.
 * Source: observed on Linux 6.18.
 */
import type { Instruction } from '../isa/instruction.ts'
import { Size } from '../isa/opcode.ts'
import { Field, Kind, Op } from '../isa/table.ts'
import { SlotFlag } from '../program/loadable.ts'
import { fail } from './errors.ts'
import { baseType, RegType, TYPE } from './layout.ts'
import { accessMemory, noteAccess } from './memory.ts'
import { checkInvariants, makeConst, makeUnknown } from './scalar.ts'
import { currentFrame, OPERAND, registerAt, type State } from './state.ts'
import { typeName } from './text.ts'
import type { Walk } from './walk-env.ts'
import { reportViolation } from './walk-paths.ts'
import { readRegister, writeRegister } from './walk-registers.ts'

/** `dst = *(src + off)` */
export function walkLoad(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  const base = readRegister(state, insn.src)
  const into = writeRegister(state, insn.dst)
  const type = words[base + TYPE]!
  accessMemory(walk, state, {
    base: insn.src,
    off: insn.off,
    size: insn.row.memWidth / 8,
    write: false,
    strict: false,
    register: insn.dst,
    signed: insn.row.kind === Kind.LDXSX,
  })
  noteAccess(walk, state, type)
  reportViolation(walk, checkInvariants(words, into), 'ldx')
}

/** `*(dst + off) = src`, or an immediate */
export function walkStore(walk: Walk, state: State, insn: Instruction): void {
  const { row } = insn
  const immediate = row.kind === Kind.ST
  if (!insn.exact || (row.src === Field.ZERO && insn.src !== 0) || (row.imm === Field.ZERO && insn.imm !== 0)) {
    fail('reserved-fields', { class: immediate ? 'BPF_ST' : 'BPF_STX' })
  }
  const { words } = currentFrame(state)
  if (immediate) makeConst(words, registerAt(OPERAND), insn.imm, insn.imm >> 31)
  else readRegister(state, insn.src)
  const type = words[readRegister(state, insn.dst) + TYPE]!
  accessMemory(walk, state, {
    base: insn.dst,
    off: insn.off,
    size: row.memWidth / 8,
    write: true,
    strict: false,
    register: immediate ? -1 : insn.src,
    signed: false,
  })
  noteAccess(walk, state, type)
}

/** Read-modify-write, load-acquire and store-release. */
export function walkAtomic(walk: Walk, state: State, insn: Instruction): void {
  checkAtomicEncoding(insn)
  switch (insn.row.kind) {
    case Kind.LOAD_ACQUIRE:
      loadAcquire(walk, state, insn)
      break
    case Kind.STORE_RELEASE:
      storeRelease(walk, state, insn)
      break
    default:
      readModifyWrite(walk, state, insn)
  }
}

/** Immediates of the two atomics that exist in every width. */
const ACQUIRE = 0x100
const RELEASE = 0x110

/** An unknown operation is told before a size that the operation does not have. @throws Rejection */
function checkAtomicEncoding(insn: Instruction): void {
  const narrow = (insn.opcode & 0x18) === Size.B || (insn.opcode & 0x18) === Size.H
  const known = insn.exact || isReadModifyWrite(insn.imm)
  if (!known) fail('atomic-opcode', { opcode: insn.imm >>> 0 })
  if (narrow && insn.imm !== ACQUIRE && insn.imm !== RELEASE) fail('atomic-size', {})
}

/** Immediates of atomics that exist in the two wide sizes. */
function isReadModifyWrite(imm: number): boolean {
  return [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1].includes(imm)
}

/** The access is checked as a load first: of two faults the load's is reported. */
function loadAcquire(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  const base = readRegister(state, insn.src)
  writeRegister(state, insn.dst)
  const type = words[base + TYPE]!
  accessMemory(walk, state, {
    base: insn.src,
    off: insn.off,
    size: insn.row.memWidth / 8,
    write: false,
    strict: true,
    register: insn.dst,
    signed: false,
  })
  noteAccess(walk, state, type)
  if (!atomicsAllowed(insn, type)) fail('atomic-load-not-allowed', { reg: insn.src, type: typeName(type) })
}

/** Likewise: a context field that cannot be written is told as that. */
function storeRelease(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  readRegister(state, insn.src)
  const type = words[readRegister(state, insn.dst) + TYPE]!
  accessMemory(walk, state, {
    base: insn.dst,
    off: insn.off,
    size: insn.row.memWidth / 8,
    write: true,
    strict: true,
    register: insn.src,
    signed: false,
  })
  noteAccess(walk, state, type)
  if (!atomicsAllowed(insn, type)) fail('atomic-store-not-allowed', { reg: insn.dst, type: typeName(type) })
}

/** Here the kind of memory counts before anything about the address. */
function readModifyWrite(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  const { row } = insn
  readRegister(state, insn.src)
  const type = words[readRegister(state, insn.dst) + TYPE]!
  if (row.op === Op.CMPXCHG) readRegister(state, 0)
  if (!atomicsAllowed(insn, type)) fail('atomic-store-not-allowed', { reg: insn.dst, type: typeName(type) })
  const fetch = row.fetch ? (row.op === Op.CMPXCHG ? 0 : insn.src) : -1
  // If it holds the address as well, the address is lost before the access.
  if (fetch >= 0) makeUnknown(words, writeRegister(state, fetch))
  const access = { base: insn.dst, off: insn.off, size: row.memWidth / 8, strict: true, signed: false }
  // Twice read: once for the right to, once for what ends up in the register.
  accessMemory(walk, state, { ...access, write: false, register: -1 })
  if (fetch >= 0) accessMemory(walk, state, { ...access, write: false, register: fetch })
  accessMemory(walk, state, { ...access, write: true, register: -2 })
  noteAccess(walk, state, type)
  // Where the comparison succeeds a 32-bit form may leave the upper half of r0 as it was.
  if (row.op === Op.CMPXCHG && row.memWidth === 32) walk.flags[state.slot]! |= SlotFlag.ZERO_EXTEND
}

/** Memories that atomics may be used on. */
function atomicsAllowed(insn: Instruction, type: number): boolean {
  const { row } = insn
  switch (baseType(type)) {
    case RegType.CTX:
    case RegType.PACKET:
    case RegType.PACKET_META:
    case RegType.FLOW_KEYS:
      return false
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
    case RegType.TCP_SOCK:
    case RegType.XDP_SOCK:
      // One that may be null is refused by the access itself.
      return type !== baseType(type)
    case RegType.ARENA:
      // x86-64 has no such instruction that could be made to fault safely.
      return !(row.fetch && (row.op === Op.AND || row.op === Op.OR || row.op === Op.XOR))
    default:
      return true
  }
}
