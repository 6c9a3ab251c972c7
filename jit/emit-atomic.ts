/** Read-modify-write instructions (RFC 9669, section 5.3), by WebAssembly's own where they are aligned. */
import type { Instruction } from '../isa/instruction.ts'
import { Op } from '../isa/table.ts'
import { Access } from '../program/loadable.ts'
import { emitByPage, pushArenaAddress, pushExact, pushKernelAddress } from './emit-memory.ts'
import type { Emitter } from './emitter.ts'
import { I64, Wasm } from './wasm/opcodes.ts'

const RMW: Readonly<Record<number, readonly [Wasm, Wasm]>> = {
  [Op.ADD]: [Wasm.I32_RMW_ADD, Wasm.I64_RMW_ADD],
  [Op.AND]: [Wasm.I32_RMW_AND, Wasm.I64_RMW_AND],
  [Op.OR]: [Wasm.I32_RMW_OR, Wasm.I64_RMW_OR],
  [Op.XOR]: [Wasm.I32_RMW_XOR, Wasm.I64_RMW_XOR],
  [Op.XCHG]: [Wasm.I32_RMW_XCHG, Wasm.I64_RMW_XCHG],
  [Op.CMPXCHG]: [Wasm.I32_RMW_CMPXCHG, Wasm.I64_RMW_CMPXCHG],
}

export function emitAtomic(e: Emitter, insn: Instruction, slot: number, access: Access): void {
  const { w } = e
  const { row, src } = insn
  const compares = row.op === Op.CMPXCHG
  const result = compares ? 0 : src
  if (access === Access.ARENA) emitArenaAtomic(e, insn, slot, result)
  else emitKernelAtomic(e, insn)
  if (access === Access.ARENA && compares && row.memWidth === 32) keepWhereEqual(e)
  // The old value, or what was there when nothing happened.
  if (compares || row.fetch) w.set(e.register(result))
  else w.op(Wasm.DROP)
}

/** With the old value on the stack: where it was the expected one, all of r0 stays (see vm/access.ts). */
function keepWhereEqual(e: Emitter): void {
  const { w, scratch64 } = e
  w.set(scratch64)
  e.get64(0)
  w.get(scratch64)
  w.get(scratch64)
  w.op(Wasm.I32_WRAP_I64)
  e.get32(0)
  w.op(Wasm.I32_EQ)
  w.op(Wasm.SELECT)
}

/** Leaves the old value; of an absent page what the register held. */
function emitArenaAtomic(e: Emitter, insn: Instruction, slot: number, result: number): void {
  const { w } = e
  const { dst, off, row } = insn
  const bytes = row.memWidth / 8
  const exact = (): void => {
    pushExact(e, dst, off)
    pushOperands(e, insn)
    e.get64(result)
    w.call(e.context.exact.atomic(row.op, bytes))
  }
  const straight = (): void => {
    pushArenaAddress(e, dst, off)
    w.i32(bytes - 1)
    w.op(Wasm.I32_AND)
    w.if(I64, false)
    exact()
    w.else()
    pushArenaAddress(e, dst, off)
    modify(e, insn, e.context.memories.arena, 0)
    w.end()
  }
  emitByPage(e, insn, slot, I64, straight, exact)
}

function emitKernelAtomic(e: Emitter, insn: Instruction): void {
  const { w } = e
  const { dst, off, row } = insn
  const bytes = row.memWidth / 8
  const add = pushKernelAddress(e, dst, off)
  w.i32(bytes - 1)
  w.op(Wasm.I32_AND)
  w.if(I64, false)
  const again = pushKernelAddress(e, dst, off)
  if (again !== 0) {
    w.i32(again)
    w.op(Wasm.I32_ADD)
  }
  pushOperands(e, insn)
  w.call(e.context.exact.kernelAtomic(row.op, bytes))
  w.else()
  pushKernelAddress(e, dst, off)
  modify(e, insn, e.context.memories.kernel, add)
  w.end()
}

/** Pushes operand and expected value for an exact function, both as far as they count. */
function pushOperands(e: Emitter, { row, src }: Instruction): void {
  const { w } = e
  e.get64(src)
  e.get64(0)
  if (row.memWidth === 32) {
    w.op(Wasm.I32_WRAP_I64)
    w.op(Wasm.I64_EXTEND_I32_U)
  }
}

/** With the address on the stack: the atomic itself. Leaves the old value, zero-extended. */
function modify(e: Emitter, { row, src }: Instruction, memory: number, offset: number): void {
  const { w } = e
  const narrow = row.memWidth === 32
  const push = (n: number): void => (narrow ? e.get32(n) : e.get64(n))
  if (row.op === Op.CMPXCHG) push(0)
  push(src)
  w.access(RMW[row.op]![narrow ? 0 : 1], memory, offset, true)
  if (narrow) w.op(Wasm.I64_EXTEND_I32_U)
}
