/**
 * Arithmetic on pointers: what may be added to which, and where the sum goes. A constant goes into the fixed offset,
 * anything else into the variable part. Source: observed on Linux 6.18.
 */
import type { Instruction } from '../isa/instruction.ts'
import { ALU_SIGN } from '../isa/notation.ts'
import { Op } from '../isa/table.ts'
import { toBigInt } from '../memory/int64.ts'
import { fail } from './errors.ts'
import { baseType, FRAME, ID, OFF, RANGE, RegType, SMIN_LO, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { hasEmptyRange, isConst, isConstValue, makeUnknown, setUnbounded32 } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { MAX_OFFSET } from './stack.ts'
import { copyRegister, newId, OPERAND, registerAt, type State } from './state.ts'
import { typeName } from './text.ts'
import type { Walk } from './walk-env.ts'

/** How messages name an operator: from the opcode alone, which signed division shares with the unsigned one. */
export function operatorSign(op: Op): string {
  if (op === Op.SDIV) return ALU_SIGN[Op.DIV]!
  return op === Op.SMOD ? ALU_SIGN[Op.MOD]! : ALU_SIGN[op]!
}

/** `dst op= src` where just one of the two is a pointer. `ptr` and `off` are word indices; one of them is dst's. */
export function pointerArithmetic(
  walk: Walk,
  state: State,
  words: Int32Array,
  insn: Instruction,
  ptr: number,
  off: number,
): void {
  const { op, width } = insn.row
  const reg = insn.dst
  const dst = registerAt(reg)
  // A contradiction in the offset: a path that cannot happen. Nothing is made of it.
  if (hasEmptyRange(words, off)) {
    makeUnknown(words, dst)
    return
  }
  // The low half of a pointer is a number; only the difference is a form that programs use.
  if (width === 32) {
    if (op !== Op.SUB) fail('arithmetic-32', { reg })
    makeUnknown(words, dst)
    return
  }
  const type = words[ptr + TYPE]!
  if ((type & TypeFlag.MAYBE_NULL) !== 0) fail('arithmetic-null', { reg, type: typeName(type) })
  checkBase(words, type, reg, off, op)
  checkOffset(words, off, type)
  checkOffset(words, ptr, type)
  switch (op) {
    case Op.ADD:
    case Op.SUB:
      if (op === Op.SUB && dst === off) fail('subtract-from-scalar', { reg })
      if (op === Op.SUB && type === RegType.STACK) fail('subtract-from-stack', { reg })
      addOffset(walk, state, words, dst, ptr, off, op)
      break
    case Op.AND:
    case Op.OR:
    case Op.XOR:
      fail('arithmetic-bitwise', { reg, op: operatorSign(op) })
      break
    default:
      fail('arithmetic-operator', { reg, op: operatorSign(op) })
  }
  checkOffset(words, dst, type)
  sync(words, dst)
}

/** Pointers of this type may be moved at all. @throws Rejection */
function checkBase(words: Int32Array, type: number, reg: number, off: number, op: Op): void {
  switch (baseType(type)) {
    case RegType.CTX:
    case RegType.MAP_VALUE:
    case RegType.MAP_KEY:
    case RegType.STACK:
    case RegType.PACKET:
    case RegType.PACKET_META:
    case RegType.TP_BUFFER:
    case RegType.BTF_ID:
    case RegType.MEM:
    case RegType.BUF:
    case RegType.FUNC:
    case RegType.DYNPTR:
      return
    case RegType.FLOW_KEYS:
      if (isConst(words, off)) return
      break
    default:
  }
  // Adding nothing is fine, as compilers do it.
  if (isConstValue(words, off, 0) && op === Op.ADD && baseType(type) === RegType.CONST_MAP_PTR) return
  fail('arithmetic-type', { reg, type: typeName(type) })
}

/** Offsets stay below 2^29, so that no sum of them can wrap. @throws Rejection */
function checkOffset(words: Int32Array, at: number, pointerType: number): void {
  const type = typeName(pointerType)
  const smin = toBigInt(words[at + SMIN_LO]!, words[at + SMIN_LO + 1]!)
  if (isConst(words, at)) {
    const value = toBigInt(words[at + VALUE_LO]!, words[at + VALUE_LO + 1]!)
    if (!isSmall(value)) fail('math-constant', { type, value })
  }
  const off = words[at + OFF]!
  if (off >= MAX_OFFSET || off <= -MAX_OFFSET) fail('math-offset', { type, off })
  if (smin === -(2n ** 63n)) fail('math-unbounded', { type })
  if (!isSmall(smin)) fail('math-value', { type, value: smin })
}

function isSmall(value: bigint): boolean {
  return value < BigInt(MAX_OFFSET) && value > -BigInt(MAX_OFFSET)
}

/** A constant moves the fixed offset, which the log shows; anything else widens the variable part. */
function addOffset(walk: Walk, state: State, words: Int32Array, dst: number, ptr: number, off: number, op: Op): void {
  const scalar = registerAt(OPERAND)
  // Where dst was the scalar it takes over all of the pointer. Linux leaves out the frame of a stack pointer, so in a
  // callee `scalar += r10` points into the main program's stack there. To follow that would be unsound, and not to
  // follow it would accept what Linux refuses.
  if (dst !== ptr && words[ptr + TYPE] === RegType.STACK && words[ptr + FRAME] !== 0) {
    fail('not-implemented', { name: "a scalar plus a pointer to a function's own stack" })
  }
  if (off !== scalar) copyRegister(words, scalar, words, off)
  if (dst !== ptr) copyRegister(words, dst, words, ptr)
  const base = baseType(words[dst + TYPE]!)
  const sign = op === Op.ADD ? 1 : -1
  if (isConst(words, scalar)) {
    // In range: checkOffset has seen both.
    words[dst + OFF]! += sign * words[scalar + VALUE_LO]!
    setUnbounded32(words, dst)
    return
  }
  const scalarMayBeNegative = words[scalar + SMIN_LO + 1]! < 0
  if (op === Op.ADD) walk.transfer.addToPointer(words, dst, dst, scalar)
  else walk.transfer.subFromPointer(words, dst, dst, scalar)
  if (base === RegType.PACKET || base === RegType.PACKET_META) {
    // What was compared with the packet's end was another pointer. One that comes down keeps what lies above it: that it
    // stays in the packet, every access checks by the variable part's sign.
    words[dst + ID] = newId(state)
    if (op === Op.ADD || scalarMayBeNegative) words[dst + RANGE] = 0
  }
}
