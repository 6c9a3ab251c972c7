/** Arithmetic, moves, sign extension and byte order (RFC 9669, section 4). */
import { InternalError } from '../errors/errors.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Op, Operand } from '../isa/table.ts'
import { SlotFlag } from '../program/loadable.ts'
import type { Emitter } from './emitter.ts'
import { I32, I64, Wasm } from './wasm/opcodes.ts'

/** Operations that are one instruction, in 32 and in 64 bits. Both sides take shift amounts modulo the width. */
const SIMPLE: Readonly<Record<number, readonly [Wasm, Wasm]>> = {
  [Op.ADD]: [Wasm.I32_ADD, Wasm.I64_ADD],
  [Op.SUB]: [Wasm.I32_SUB, Wasm.I64_SUB],
  [Op.MUL]: [Wasm.I32_MUL, Wasm.I64_MUL],
  [Op.OR]: [Wasm.I32_OR, Wasm.I64_OR],
  [Op.AND]: [Wasm.I32_AND, Wasm.I64_AND],
  [Op.XOR]: [Wasm.I32_XOR, Wasm.I64_XOR],
  [Op.LSH]: [Wasm.I32_SHL, Wasm.I64_SHL],
  [Op.RSH]: [Wasm.I32_SHR_U, Wasm.I64_SHR_U],
  [Op.ARSH]: [Wasm.I32_SHR_S, Wasm.I64_SHR_S],
}

/** Divisions, which WebAssembly traps on where BPF has a result. */
const DIVISION: Readonly<Record<number, readonly [Wasm, Wasm]>> = {
  [Op.DIV]: [Wasm.I32_DIV_U, Wasm.I64_DIV_U],
  [Op.MOD]: [Wasm.I32_REM_U, Wasm.I64_REM_U],
  [Op.SDIV]: [Wasm.I32_DIV_S, Wasm.I64_DIV_S],
  [Op.SMOD]: [Wasm.I32_REM_S, Wasm.I64_REM_S],
}

/** True for 32-bit forms, and for 64-bit ones that the verifier marked. */
export function isNarrow(e: Emitter, insn: Instruction, slot: number): boolean {
  const { flags } = e.context.input
  return insn.row.width === 32 || (flags !== undefined && (flags[slot]! & SlotFlag.NARROW) !== 0)
}

/** Pushes the second operand. */
export function pushOperand(e: Emitter, insn: Instruction, narrow: boolean): void {
  if (insn.row.operand === Operand.IMM) {
    if (narrow) e.w.i32(insn.imm)
    else e.w.i64(insn.imm)
  } else if (narrow) e.get32(insn.src)
  else e.get64(insn.src)
}

export function emitAlu(e: Emitter, insn: Instruction, slot: number): void {
  const narrow = isNarrow(e, insn, slot)
  const { op } = insn.row
  const push = (): void => {
    if (DIVISION[op] !== undefined) {
      emitDivision(e, insn, narrow)
      return
    }
    const codes = SIMPLE[op]
    if (codes === undefined) throw new InternalError(`the compiler has no operation for ${insn.row.name}`)
    if (narrow) e.get32(insn.dst)
    else e.get64(insn.dst)
    pushOperand(e, insn, narrow)
    e.w.op(codes[narrow ? 0 : 1])
  }
  if (narrow) e.set32(insn.dst, push)
  else e.set64(insn.dst, push)
}

/** By 0: a quotient is 0, a remainder the dividend. The smallest number by -1: itself, and 0. */
function emitDivision(e: Emitter, insn: Instruction, narrow: boolean): void {
  const { w } = e
  const { op, operand } = insn.row
  const type = narrow ? I32 : I64
  const dividend = (): void => (narrow ? e.get32(insn.dst) : e.get64(insn.dst))
  const divisor = (): void => pushOperand(e, insn, narrow)
  const constant = (value: number): void => (narrow ? w.i32(value) : w.i64(value))
  const quotient = op === Op.DIV || op === Op.SDIV
  const divide = (): void => {
    dividend()
    divisor()
    w.op(DIVISION[op]![narrow ? 0 : 1])
  }
  const negate = (): void => {
    constant(0)
    dividend()
    w.op(narrow ? Wasm.I32_SUB : Wasm.I64_SUB)
  }
  if (operand === Operand.IMM) {
    if (insn.imm === 0 && quotient) constant(0)
    else if (insn.imm === 0) dividend()
    else if (op === Op.SDIV && insn.imm === -1) negate()
    else divide()
    return
  }
  divisor()
  w.op(narrow ? Wasm.I32_EQZ : Wasm.I64_EQZ)
  w.if(type, false)
  if (quotient) constant(0)
  else dividend()
  w.else()
  if (op === Op.SDIV) {
    divisor()
    constant(-1)
    w.op(narrow ? Wasm.I32_EQ : Wasm.I64_EQ)
    w.if(type, false)
    negate()
    w.else()
    divide()
    w.end()
  } else divide()
  w.end()
}

export function emitNeg(e: Emitter, insn: Instruction, slot: number): void {
  const { w } = e
  if (isNarrow(e, insn, slot)) {
    e.set32(insn.dst, () => {
      w.i32(0)
      e.get32(insn.dst)
      w.op(Wasm.I32_SUB)
    })
  } else {
    e.set64(insn.dst, () => {
      w.i64(0)
      e.get64(insn.dst)
      w.op(Wasm.I64_SUB)
    })
  }
}

export function emitMov(e: Emitter, insn: Instruction, slot: number): void {
  const narrow = isNarrow(e, insn, slot)
  const push = (): void => pushOperand(e, insn, narrow)
  if (narrow) e.set32(insn.dst, push)
  else e.set64(insn.dst, push)
}

/** Sign extension of so many bits, in 32 and in 64. */
export const EXTEND: Readonly<Record<number, readonly [Wasm, Wasm]>> = {
  8: [Wasm.I32_EXTEND8_S, Wasm.I64_EXTEND8_S],
  16: [Wasm.I32_EXTEND16_S, Wasm.I64_EXTEND16_S],
  32: [Wasm.NOP, Wasm.I64_EXTEND32_S],
}

export function emitMovsx(e: Emitter, { row, dst, src }: Instruction): void {
  const codes = EXTEND[row.memWidth]!
  if (row.width === 32) {
    e.set32(dst, () => {
      e.get32(src)
      e.w.op(codes[0])
    })
  } else {
    e.set64(dst, () => {
      e.get64(src)
      e.w.op(codes[1])
    })
  }
}

/** On a little-endian machine LE only truncates, and BE swaps as BSWAP does. */
export function emitEnd(e: Emitter, { row, dst }: Instruction): void {
  const { w } = e
  const swap = row.op !== Op.LE
  if (row.memWidth === 64) {
    if (swap) e.set64(dst, () => swap64(e, dst))
    return
  }
  e.set32(dst, () => {
    e.get32(dst)
    if (row.memWidth === 16) {
      if (swap) {
        w.i32(0xff)
        w.op(Wasm.I32_AND)
        w.i32(8)
        w.op(Wasm.I32_SHL)
        e.get32(dst)
        w.i32(8)
        w.op(Wasm.I32_SHR_U)
        w.i32(0xff)
        w.op(Wasm.I32_AND)
        w.op(Wasm.I32_OR)
      } else {
        w.i32(0xffff)
        w.op(Wasm.I32_AND)
      }
    } else if (swap) swap32(e)
  })
}

/** Swaps the bytes of the i32 on the stack: those at even places one way round, those at odd ones the other. */
function swap32({ w, scratch32 }: Emitter): void {
  w.tee(scratch32)
  w.i32(8)
  w.op(Wasm.I32_ROTL)
  w.i32(0x00ff00ff)
  w.op(Wasm.I32_AND)
  w.get(scratch32)
  w.i32(8)
  w.op(Wasm.I32_ROTR)
  w.i32(0xff00ff00 | 0)
  w.op(Wasm.I32_AND)
  w.op(Wasm.I32_OR)
}

/** Both halves swapped, in each other's place. */
function swap64(e: Emitter, n: number): void {
  const { w } = e
  e.get32(n)
  swap32(e)
  w.op(Wasm.I64_EXTEND_I32_U)
  w.i64(32)
  w.op(Wasm.I64_SHL)
  e.get64(n)
  w.i64(32)
  w.op(Wasm.I64_SHR_U)
  w.op(Wasm.I32_WRAP_I64)
  swap32(e)
  w.op(Wasm.I64_EXTEND_I32_U)
  w.op(Wasm.I64_OR)
}
