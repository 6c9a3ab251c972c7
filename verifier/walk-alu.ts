/**
 * Moves and arithmetic: checks of the operands, then what becomes of the destination.
 *
 *     fields in use -> source readable -> destination readable (not for moves) -> immediate -> destination writable
 *       -> an operand points into the arena:  the result does too, nothing is computed
 *       -> one operand is a pointer:          pointer.ts
 *       -> both are pointers:                 only their difference, as a number nobody knows
 *       -> both are scalars:                  the transfer functions (alu.ts)
 *
 * Of two faults the one that comes first here is reported. Source: observed on Linux 6.18.
 */
import type { Instruction } from '../isa/instruction.ts'
import { Class } from '../isa/opcode.ts'
import { Field, Kind, Op, Operand } from '../isa/table.ts'
import { SlotFlag } from '../program/loadable.ts'
import { fail } from './errors.ts'
import { PRECISE, RegType, TYPE } from './layout.ts'
import { operatorSign, pointerArithmetic } from './pointer.ts'
import { requestRegister } from './precision.ts'
import { checkInvariants, clearId, makeConst, makeUnknown } from './scalar.ts'
import { copyRegister, currentFrame, OPERAND, registerAt, type State } from './state.ts'
import type { Walk } from './walk-env.ts'
import { pushPending, reportViolation } from './walk-paths.ts'
import { isPointer, isScalar, readRegister, shareId, writeRegister } from './walk-registers.ts'

/** Bits of an opcode byte that name the operation. */
const OPERATION = 0xf0
const OPERATION_NEG = 0x80
const OPERATION_MOV = 0xb0
const OPERATION_END = 0xd0

/**
 * Refuses an encoding of the ALU classes that uses a field it must not. Unlike bytes that encode nothing at all these
 * are found on the walk only, so in code that is never reached they go unnoticed. @throws Rejection
 */
function checkEncoding(insn: Instruction): void {
  const { row } = insn
  const operation = insn.opcode & OPERATION
  if (!insn.exact) {
    if (operation === OPERATION_MOV && (insn.opcode & 7) === Class.ALU64 && insn.off === 1) fail('cast-spaces', {})
    fail('reserved-fields', { class: className(operation) })
  }
  if (
    (row.src === Field.ZERO && insn.src !== 0) ||
    (row.off === Field.ZERO && insn.off !== 0) ||
    (row.imm === Field.ZERO && insn.imm !== 0)
  ) {
    fail('reserved-fields', { class: className(operation) })
  }
}

function className(operation: number): string {
  switch (operation) {
    case OPERATION_NEG:
      return 'BPF_NEG'
    case OPERATION_END:
      return 'BPF_END'
    case OPERATION_MOV:
      return 'BPF_MOV'
    default:
      return 'BPF_ALU'
  }
}

/** Walks an instruction of the ALU classes. */
export function walkAlu(walk: Walk, state: State, insn: Instruction): void {
  checkEncoding(insn)
  switch (insn.row.kind) {
    case Kind.NEG:
    case Kind.END:
      walkUnary(walk, state, insn)
      break
    case Kind.MOV:
    case Kind.MOVSX:
      walkMove(walk, state, insn)
      break
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      walkCast(walk, state, insn)
      break
    default:
      walkBinary(walk, state, insn)
  }
}

function walkUnary(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  readRegister(state, insn.dst)
  const at = writeRegister(state, insn.dst)
  // A pointer may leak here, as programs are privileged: what comes out is a number nobody knows.
  if (!isScalar(words, at)) {
    makeUnknown(words, at)
    return
  }
  if (insn.row.kind === Kind.NEG) {
    clearId(words, at)
    walk.transfer.negate(words, at, insn.row.width)
  } else {
    walk.transfer.swapEnds(words, at, insn.row.op, insn.row.memWidth as 16 | 32 | 64)
  }
  checkResult(walk, words, at)
}

/** Only code on paths that cannot happen makes bounds that contradict each other; it goes on with none. */
function checkResult(walk: Walk, words: Int32Array, at: number): void {
  reportViolation(walk, checkInvariants(words, at), 'alu')
}

function walkMove(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  const { row } = insn
  if (row.operand === Operand.IMM) {
    const at = writeRegister(state, insn.dst)
    makeConst(words, at, insn.imm, row.width === 64 ? insn.imm >> 31 : 0)
    return
  }
  const from = readRegister(state, insn.src)
  const to = writeRegister(state, insn.dst)
  if (row.kind === Kind.MOV && row.width === 64) {
    shareId(state, words, from)
    copyRegister(words, to, words, from)
  } else if (!isScalar(words, from)) {
    makeUnknown(words, to)
    if (row.width === 32) walk.transfer.zeroExtend32(words, to)
  } else {
    movePart(walk, state, words, insn, to, from)
  }
}

/** A scalar moved with a change: linked to its source only when it is the same number. */
function movePart(walk: Walk, state: State, words: Int32Array, insn: Instruction, to: number, from: number): void {
  const { kind, width, memWidth } = insn.row
  // A sign extension changes nothing only if the sign bit is known to be 0.
  const bits = kind === Kind.MOV ? 32 : memWidth - 1
  const same = walk.transfer.fitsUnsigned(words, from, bits)
  if (same) shareId(state, words, from)
  copyRegister(words, to, words, from)
  if (!same) clearId(words, to)
  if (kind === Kind.MOV) walk.transfer.zeroExtend32(words, to)
  else if (width === 64) walk.transfer.signExtend64(words, to, memWidth / 8)
  else walk.transfer.signExtend32(words, to, memWidth / 8)
}

/**
 * Between the address spaces of the arena: 1 is the arena as programs see it, 0 as user space does. Any initialised
 * register may be cast, since an arena access cannot leave the arena whatever the number is.
 */
function walkCast(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  if (walk.prepared.arena === undefined) fail('cast-without-arena', {})
  readRegister(state, insn.src)
  const to = writeRegister(state, insn.dst)
  makeUnknown(words, to)
  if (insn.row.kind === Kind.CAST_KERN) words[to + TYPE] = RegType.ARENA
}

function walkBinary(walk: Walk, state: State, insn: Instruction): void {
  const { words } = currentFrame(state)
  const { row } = insn
  let src = registerAt(OPERAND)
  if (row.operand === Operand.REG) src = readRegister(state, insn.src)
  else makeConst(words, src, insn.imm, insn.imm >> 31)
  readRegister(state, insn.dst)
  if (row.operand === Operand.IMM) checkImmediate(insn)
  const dst = writeRegister(state, insn.dst)
  if (words[dst + TYPE] === RegType.ARENA || words[src + TYPE] === RegType.ARENA) {
    arenaArithmetic(walk, state, words, dst, row.width)
  } else if (isPointer(words, src)) {
    fromPointer(walk, state, words, insn, dst, src)
  } else if (isPointer(words, dst)) {
    // Where a pointer goes is decided by the offset, so its range has to hold for every path that this one covers.
    if (row.operand === Operand.REG) requestRegister(walk.precision, state, insn.src)
    pointerArithmetic(walk, state, words, insn, dst, src)
  } else {
    scalarArithmetic(walk, state, words, insn, dst, src)
  }
}

function checkImmediate(insn: Instruction): void {
  const { op, width } = insn.row
  switch (op) {
    case Op.DIV:
    case Op.MOD:
    case Op.SDIV:
    case Op.SMOD:
      if (insn.imm === 0) fail('division-by-zero', {})
      break
    case Op.LSH:
    case Op.RSH:
    case Op.ARSH:
      if (insn.imm < 0 || insn.imm >= width) fail('invalid-shift', { amount: insn.imm })
      break
    default:
  }
}

/** The result points into the arena whatever the other operand is; 64-bit forms are computed in 32 bits. */
function arenaArithmetic(walk: Walk, state: State, words: Int32Array, dst: number, width: 32 | 64): void {
  makeUnknown(words, dst)
  words[dst + TYPE] = RegType.ARENA
  if (width === 64) walk.flags[state.slot]! |= SlotFlag.NARROW
}

/** The source is a pointer: `scalar += pointer` is the other way round of `pointer += scalar`. */
function fromPointer(walk: Walk, state: State, words: Int32Array, insn: Instruction, dst: number, src: number): void {
  if (!isPointer(words, dst)) {
    requestRegister(walk.precision, state, insn.dst)
    pointerArithmetic(walk, state, words, insn, src, dst)
  } else if (insn.row.op === Op.SUB) makeUnknown(words, dst)
  else fail('arithmetic-pointers', { reg: insn.dst, op: operatorSign(insn.row.op) })
}

function scalarArithmetic(
  walk: Walk,
  state: State,
  words: Int32Array,
  insn: Instruction,
  dst: number,
  src: number,
): void {
  const { op, width } = insn.row
  // What is made of a number that matters matters as well.
  if (words[dst + PRECISE] !== 0 && insn.row.operand === Operand.REG) {
    requestRegister(walk.precision, state, insn.src)
  }
  if (op === Op.AND || op === Op.OR) forkOnSign(walk, state, words, dst, src)
  // Before the value changes: whether the sum stays linked depends on what the operands were.
  walk.transfer.trackAddConst(words, dst, src, op, width)
  walk.transfer.alu(words, dst, src, op, width)
  checkResult(walk, words, dst)
}

/** A value that is 0 or -1 is walked as each of them: masks made by shifting a sign are common. */
function forkOnSign(walk: Walk, state: State, words: Int32Array, dst: number, src: number): void {
  const fork = walk.transfer.forkWidth(words, dst, src)
  if (fork === 0) return
  const other = pushPending(walk, state, state.slot, 'ENOMEM')
  walk.transfer.assumeForked(currentFrame(other).words, dst, fork, 0)
  walk.transfer.assumeForked(words, dst, fork, -1)
}
