/** Calls: natives through the run area, functions of the program directly. */
import { jumpTarget } from '../isa/flow.ts'
import type { Instruction } from '../isa/instruction.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { FRAME_BYTES } from '../vm/state.ts'
import { nativeAt, SLOT_OFFSET } from './compile.ts'
import type { Emitter } from './emitter.ts'
import { emitInlined, isInlined } from './inline.ts'
import { argumentCount } from './plan.ts'
import { runtimeCall } from './runtime/calls.ts'
import { FALLBACK } from './runtime/host.ts'
import { I32, Wasm } from './wasm/opcodes.ts'

/** Puts registers `first` to `last` into the run area. */
export function spillRegisters(e: Emitter, first: number, last: number): void {
  const { w } = e
  w.globalGet(e.context.area)
  w.set(e.scratch32)
  for (let n = first; n <= last; n++) {
    w.get(e.scratch32)
    e.get64(n)
    w.access(Wasm.I64_STORE, e.context.memories.kernel, 8 * n, true)
  }
}

function storeSlot(e: Emitter, slot: number): void {
  const { w } = e
  w.globalGet(e.context.area)
  w.i32(slot)
  w.access(Wasm.I32_STORE, e.context.memories.kernel, SLOT_OFFSET, true)
}

export function fillRegister(e: Emitter, n: number): void {
  e.w.globalGet(e.context.area)
  e.w.access(Wasm.I64_LOAD, e.context.memories.kernel, 8 * n, true)
  e.w.set(e.register(n))
}

/** Answered by the module's own runtime where that can be. */
export function emitNative(e: Emitter, slot: number): void {
  const { context } = e
  const insn = context.input.program.insns[slot]!
  const call = context.runtime && runtimeCall(e, context.runtime, insn, slot)
  if (call === undefined) {
    emitNativeCall(e, insn, slot)
    return
  }
  const { result, partial, again } = call
  e.set64(0, result)
  if (!partial) return
  ifFallback(e, () => {
    if (again === undefined) {
      emitNativeCall(e, insn, slot)
      return
    }
    e.set64(0, again)
    ifFallback(e, () => emitNativeCall(e, insn, slot))
  })
}

function ifFallback(e: Emitter, then: () => void): void {
  const { w } = e
  w.get(e.register(0))
  w.i64(FALLBACK)
  w.op(Wasm.I64_EQ)
  w.if(undefined, false)
  then()
  w.end()
}

/**
 * A look-up in an array and the jump behind it that asks whether it gave 0, where nobody asks for that 0 again: r0 is an
 * address then that only one way uses, and the jump goes by the key. Writes both and pushes the jump's condition; or
 * writes nothing and gives false.
 */
export function emitTestedLookup(e: Emitter, slot: number): boolean {
  const { context, w } = e
  const { insns } = context.input.program
  const [call, jump] = [insns[slot]!, insns[slot + 1]!]
  if (e.checked || call.row.kind !== Kind.CALL_HELPER || !testsZero(jump)) return false
  const ifZero = jump.row.op === Op.JEQ ? jumpTarget(jump, slot + 1)! : slot + 2
  if ((e.plan.liveAt(ifZero) & 1) !== 0) return false
  const lookup = context.runtime && runtimeCall(e, context.runtime, call, slot)?.lookup
  if (lookup === undefined) return false
  w.note(slot)
  lookup.exists()
  e.set64(0, lookup.value)
  w.note(slot + 1)
  if (jump.row.op === Op.JEQ) w.op(Wasm.I32_EQZ)
  return true
}

/** Whether a jump is `if r0 == 0` or `if r0 != 0`. */
function testsZero({ row, dst, imm }: Instruction): boolean {
  if (row.kind !== Kind.JCOND || row.width !== 64 || row.operand !== Operand.IMM) return false
  return dst === 0 && imm === 0 && (row.op === Op.JEQ || row.op === Op.JNE)
}

function emitNativeCall(e: Emitter, insn: Instruction, slot: number): void {
  const { context, w } = e
  const use = nativeAt(context.input.program, slot)!
  // What gives nothing back leaves r0, which an unchecked program may go on with.
  if (e.checked) spillRegisters(e, 0, 5)
  else spillRegisters(e, 1, argumentCount(insn, context.input, slot))
  storeSlot(e, slot)
  w.call(context.native(use.kind, use.id))
  fillRegister(e, 0)
}

export function emitLocalCall(e: Emitter, insn: Instruction, slot: number): void {
  const { context, w } = e
  if (e.checked) {
    emitUncheckedCall(e, context.target(slot + 1 + insn.imm).declared.index, slot)
    return
  }
  const target = context.target(slot + 1 + insn.imm)
  if (isInlined(e, target)) {
    emitInlined(e, target)
    return
  }
  const { plan, declared } = target
  w.get(e.frame)
  w.i32(FRAME_BYTES)
  w.op(Wasm.I32_SUB)
  for (let n = 1; n <= 5; n++) if ((plan.params & (1 << n)) !== 0) e.get64(n)
  w.call(declared.index)
  w.set(e.register(0))
}

/** Every register goes along, and what `more` pushes; r0 to r5 come back. The host counts the frames. */
function emitUncheckedCall(e: Emitter, index: number, slot: number, more: () => void = () => undefined): void {
  const { context, w } = e
  w.i32(slot)
  w.call(context.host.enter)
  w.get(e.frame)
  w.i32(FRAME_BYTES)
  w.op(Wasm.I32_SUB)
  for (let n = 0; n <= 9; n++) e.get64(n)
  more()
  w.call(index)
  for (let n = 5; n >= 0; n--) w.set(e.register(n))
  w.call(context.host.leave)
}

/** A call through a register, of unchecked programs: of a helper by its number, or of a function by its address. */
export function emitCallx(e: Emitter, insn: Instruction, slot: number): void {
  const { context, w } = e
  spillRegisters(e, 0, 10)
  storeSlot(e, slot)
  const to = w.local(I32)
  w.i32(slot)
  w.i32(insn.dst)
  w.call(context.host.callx)
  w.tee(to)
  w.i32(0)
  w.op(Wasm.I32_LT_S)
  w.if()
  fillRegister(e, 0)
  w.else()
  emitUncheckedCall(e, context.dispatcher(), slot, () => w.get(to))
  w.end()
}

/** A read outside the packet ends the function that runs, with 0 (Linux 6.18, observed). */
export function emitPacketLoad(e: Emitter, insn: Instruction, slot: number): void {
  const { context, w } = e
  storeSlot(e, slot)
  if (insn.row.kind === Kind.LD_IND) {
    e.get32(insn.src)
    w.i32(insn.imm)
    w.op(Wasm.I32_ADD)
  } else w.i32(insn.imm)
  w.i32(insn.row.memWidth / 8)
  w.call(context.host.packet)
  w.op(Wasm.I32_EQZ)
  w.if(undefined, false)
  e.set64(0, () => w.i64(0))
  e.exit()
  w.end()
  fillRegister(e, 0)
}

/** Nothing can run here. */
export function emitTrap({ context, w }: Emitter, slot: number): void {
  w.i32(slot)
  w.call(context.host.trap)
  w.op(Wasm.UNREACHABLE)
}
