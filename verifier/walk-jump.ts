/**
 * Conditional jumps: decided ones follow one side and make their operands precise, undecided ones put the target
 * aside and go on behind the jump, each side with what it knows by then.
 *
 *     state --- if r1 > 7 ---+--- behind it: r1 <= 7, and so for every register linked to r1   walked first
 *                            +--- target:    r1 > 7, likewise                                  put aside
 *
 * Source: observed on Linux 6.18.
 */
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Field, Kind, Op, Operand } from '../isa/table.ts'
import { fail } from './errors.ts'
import { baseType, ID, REF_OBJ_ID, RegType, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { collectLinked, syncLinked } from './linked.ts'
import { earlierRound, widen } from './loops.ts'
import { learnPacket, predictPacket } from './packet.ts'
import { requestRegister } from './precision.ts'
import { pushHistory } from './prune.ts'
import { checkInvariants, isConst32, isConstValue, makeConst } from './scalar.ts'
import { currentFrame, isSpilled, OPERAND, type Place, REGISTERS, registerAt, type State, slotAt } from './state.ts'
import { isShown, type Walk } from './walk-env.ts'
import { pushPending, reportViolation } from './walk-paths.ts'
import { isPointer, isScalar, readRegister } from './walk-registers.ts'

/** Walks a conditional jump. @returns the slot at which the current path goes on */
export function walkJump(walk: Walk, state: State, insn: Instruction): Slot {
  const { row } = insn
  const { words } = currentFrame(state)
  const a = readRegister(state, insn.dst)
  if (
    (row.operand === Operand.REG && row.imm === Field.ZERO && insn.imm !== 0) ||
    (row.operand === Operand.IMM && row.src === Field.ZERO && insn.src !== 0)
  ) {
    fail('reserved-fields', { class: 'BPF_JMP/JMP32' })
  }
  let b = registerAt(OPERAND)
  if (row.operand === Operand.REG) b = readRegister(state, insn.src)
  else makeConst(words, b, insn.imm, insn.imm >> 31)
  noteStackOperands(walk, state, words, a, b)

  const taken = predict(walk, words, insn, a, b)
  // The side that is not followed is never looked at: that rests on these numbers.
  if (taken >= 0) {
    if (isScalar(words, a)) requestRegister(walk.precision, state, insn.dst)
    if (row.operand === Operand.REG && isScalar(words, b)) requestRegister(walk.precision, state, insn.src)
    showDelta(walk, state)
    return taken === 1 ? state.slot + 1 + insn.off : state.slot + 1
  }
  split(walk, state, insn, a, b)
  showDelta(walk, state)
  return state.slot + 1
}

/** The state behind a jump is shown at once, under the jump's number. */
function showDelta(walk: Walk, state: State): void {
  if (isShown(walk)) walk.sink.event({ kind: 'delta', slot: state.slot, state })
  const { scratch } = state.shared
  scratch.registers = scratch.slotsLow = scratch.slotsHigh = 0
}

/** Backtracking must not ask for stack pointers. */
function noteStackOperands(walk: Walk, state: State, words: Int32Array, a: number, b: number): void {
  const operands = (words[a + TYPE] === RegType.STACK ? 1 : 0) | (words[b + TYPE] === RegType.STACK ? 2 : 0)
  if (operands !== 0) pushHistory(walk, state).stackOperands |= operands
}

/** 1: jumps, 0: does not, -1: not known. */
function predict(walk: Walk, words: Int32Array, insn: Instruction, a: number, b: number): number {
  const { op, width } = insn.row
  if (isScalar(words, a) && isScalar(words, b)) return walk.transfer.predict(words, a, b, op, width)
  if (isPointer(words, a) && isPointer(words, b)) return predictPacket(words, insn, a, b)
  // Of a pointer only whether it is null can be known.
  const [pointer, scalar] = isPointer(words, a) ? [a, b] : [b, a]
  if (width === 64 ? !isConstValue(words, scalar, 0) : !isConst32(words, scalar) || words[scalar + VALUE_LO] !== 0) {
    return -1
  }
  if (!isKnownNonNull(words[pointer + TYPE]!, words[pointer + REF_OBJ_ID]!)) return -1
  return op === Op.JEQ ? 0 : op === Op.JNE ? 1 : -1
}

/** Pointers of these types are never 0. The context, the stack, packets and the arena are not among them. */
function isKnownNonNull(type: number, reference: number): boolean {
  if ((type & TypeFlag.MAYBE_NULL) !== 0) return false
  switch (baseType(type)) {
    case RegType.SOCKET:
    case RegType.TCP_SOCK:
    case RegType.SOCK_COMMON:
    case RegType.MAP_VALUE:
    case RegType.MAP_KEY:
    case RegType.CONST_MAP_PTR:
      return true
    case RegType.MEM:
      return (type & TypeFlag.UNTRUSTED) === 0
    case RegType.BTF_ID:
      return reference !== 0 || (type & TypeFlag.TRUSTED) !== 0
    default:
      return false
  }
}

function split(walk: Walk, state: State, insn: Instruction, a: number, b: number): void {
  const { row } = insn
  const { words } = currentFrame(state)
  // Before the copy is made, so that the history of both sides has them: they stand and fall together in backtracking.
  const linked: Place[] = []
  if (row.operand === Operand.REG && isScalar(words, b) && words[b + ID] !== 0) {
    collectLinked(walk, state, words[b + ID]!, linked)
  }
  if (isScalar(words, a) && words[a + ID] !== 0) collectLinked(walk, state, words[a + ID]!, linked)
  if (linked.length > 1) pushHistory(walk, state).linked = linked

  const other = pushPending(walk, state, state.slot + 1 + insn.off, 'EFAULT')
  const otherWords = currentFrame(other).words
  if (isScalar(words, a) && isScalar(words, b)) {
    walk.transfer.refine(words, a, b, row.op, row.width, false)
    walk.transfer.refine(otherWords, a, b, row.op, row.width, true)
    reportViolation(walk, checkInvariants(otherWords, a), 'true_reg1')
    reportViolation(walk, checkInvariants(otherWords, b), 'true_reg2')
    reportViolation(walk, checkInvariants(words, a), 'false_reg1')
    reportViolation(walk, checkInvariants(words, b), 'false_reg2')
  }
  if (row.operand === Operand.REG && a !== b) syncSides(walk, state, other, b, linked)
  syncSides(walk, state, other, a, linked)
  if (row.operand === Operand.REG) {
    liftNull(state, other, row.op, row.width, a, b)
    learnPacket(state, other, insn, a, b)
  } else checkNull(state, other, insn, a)
}

/** What each side learnt of a register it knows of every copy. */
function syncSides(walk: Walk, state: State, other: State, at: number, linked: readonly Place[]): void {
  for (const side of [state, other]) {
    const { words } = currentFrame(side)
    if (isScalar(words, at) && words[at + ID] !== 0) syncLinked(walk, side, words, at, linked)
  }
}

/** `if rX == 0` on a pointer that may be null tells on each side which it is, for all copies of it. */
function checkNull(state: State, other: State, insn: Instruction, a: number): void {
  const { op, width } = insn.row
  if (width !== 64 || insn.imm !== 0 || (op !== Op.JEQ && op !== Op.JNE)) return
  const { words } = currentFrame(state)
  if ((words[a + TYPE]! & TypeFlag.MAYBE_NULL) === 0) return
  const id = words[a + ID]!
  const reference = words[a + REF_OBJ_ID]!
  settleNull(state, id, reference, op === Op.JNE)
  settleNull(other, id, reference, op === Op.JEQ)
}

/** Every pointer with this id turns out to be null, or not to be. */
function settleNull(state: State, id: number, reference: number, isNull: boolean): void {
  // Nothing was acquired where the result is null.
  if (isNull && reference !== 0 && reference === id) {
    state.references = state.references.without(id)
  }
  for (const frame of state.frames) {
    for (let n = 0; n < REGISTERS - 1; n++) settlePointer(frame.words, registerAt(n), id, isNull)
    for (let n = 0; n < frame.slots; n++) {
      if (isSpilled(frame, n)) settlePointer(frame.words, slotAt(n), id, isNull)
    }
  }
}

function settlePointer(words: Int32Array, at: number, id: number, isNull: boolean): void {
  if ((words[at + TYPE]! & TypeFlag.MAYBE_NULL) === 0 || words[at + ID] !== id) return
  if (isNull) makeConst(words, at, 0, 0)
  else {
    words[at + TYPE]! &= ~TypeFlag.MAYBE_NULL
    words[at + ID] = 0
  }
}

/** A pointer that equals one that is not null is not null either. */
function liftNull(state: State, other: State, op: Op, width: 32 | 64, a: number, b: number): void {
  if (width !== 64 || (op !== Op.JEQ && op !== Op.JNE)) return
  const { words } = currentFrame(state)
  const first = words[a + TYPE]!
  const second = words[b + TYPE]!
  if (!isPointer(words, a) || !isPointer(words, b)) return
  const maybe = (type: number): boolean => (type & TypeFlag.MAYBE_NULL) !== 0
  if (maybe(first) === maybe(second)) return
  if (baseType(first) === RegType.BTF_ID || baseType(second) === RegType.BTF_ID) return
  const at = maybe(first) ? a : b
  const equal = op === Op.JEQ ? other : state
  settleNull(equal, words[at + ID]!, 0, false)
}

/** The loop is behind a may_goto: leaving it is followed first. @returns the slot at which the path goes on */
export function walkMayGoto(walk: Walk, state: State, insn: Instruction): Slot {
  if (insn.dst !== 0 || insn.src !== 0 || insn.imm !== 0 || !insn.exact || insn.row.kind !== Kind.MAY_GOTO) {
    fail('may-goto-imm', { imm: insn.imm })
  }
  // Sought from the checkpoint of this very visit, which was just stored.
  const before = earlierRound(state, walk.table.bucket(state.slot, state), state.parent?.dfsDepth ?? 0)
  const other = pushPending(walk, state, state.slot + 1, 'ENOMEM')
  // Tells a round from one that changed nothing: without it the loop would look endless.
  other.mayGotoDepth += 1
  if (before !== undefined) widen(before, other, walk.ids)
  return state.slot + 1 + insn.off
}
