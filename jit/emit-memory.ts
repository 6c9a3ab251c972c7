/**
 * Loads, stores and atomics. Which memory one goes to the verifier has found (program/loadable.ts, Access); of an
 * unchecked program the host finds out at each access.
 *
 * Arena loads need no page table, as absent pages are all zero: one that is aligned lies in one page, and one whose
 * address has not wrapped lies in the window. Stores and atomics go by the page byte of their base.
 */
import { Present } from '../arena/page-table.ts'
import { InternalError } from '../errors/errors.ts'
import type { Instruction } from '../isa/instruction.ts'
import { FRAME_POINTER } from '../isa/opcode.ts'
import { Kind, Op, Operand } from '../isa/table.ts'
import { Access } from '../program/loadable.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { contextPlace } from '../vm/operands.ts'
import { FRAME_BYTES } from '../vm/state.ts'
import { EXTEND } from './emit-alu.ts'
import { emitAtomic } from './emit-atomic.ts'
import type { Emitter } from './emitter.ts'
import { loadCode, storeCode } from './exact.ts'
import type { Guard } from './guards.ts'
import { pageBase } from './plan.ts'
import type { StackPlace } from './stack-slots.ts'
import { I64, Wasm } from './wasm/opcodes.ts'

/** Offsets are less than this away from 0. */
const MAX_OFFSET = 32_768

const SIGNED_LOADS: Readonly<Record<number, Wasm>> = {
  1: Wasm.I64_LOAD8_S,
  2: Wasm.I64_LOAD16_S,
  4: Wasm.I64_LOAD32_S,
}
export function accessAt(e: Emitter, slot: number): Access {
  const { access } = e.context.input
  return access === undefined ? Access.CHECKED : (access[slot] as Access)
}

export function emitAccess(e: Emitter, insn: Instruction, slot: number): void {
  const access = accessAt(e, slot)
  if (access === Access.CHECKED) {
    emitChecked(e, insn, slot)
    return
  }
  if (access === Access.NONE)
    throw new InternalError(`the verifier has not said what ${insn.row.name} at slot ${slot} accesses`)
  const { kind } = insn.row
  const promoted = e.places.get(slot)
  if (promoted !== undefined) {
    emitPromoted(e, insn, promoted)
    return
  }
  if (kind === Kind.ATOMIC) {
    emitAtomic(e, insn, slot, access)
    return
  }
  const store = kind === Kind.ST || kind === Kind.STX || kind === Kind.STORE_RELEASE
  if (access === Access.ARENA) {
    const covered = e.covered.has(slot)
    if (store) (covered ? emitStraightStore : emitArenaStore)(e, insn, slot)
    else (covered ? emitStraightLoad : emitArenaLoad)(e, insn, slot)
    return
  }
  const { place, bytes } =
    access === Access.CONTEXT
      ? contextPlace(e.context.input.program.type, insn, slot, store)
      : { place: insn.off, bytes: insn.row.memWidth / 8 }
  if (store) emitKernelStore(e, insn, place, bytes)
  else emitKernelLoad(e, insn, place, bytes)
}

/** A place of the frame that lives in a local. */
function emitPromoted(e: Emitter, insn: Instruction, place: StackPlace): void {
  const { w } = e
  const local = e.placeLocal(place)
  const { kind } = insn.row
  if (kind === Kind.ST || kind === Kind.STX) {
    pushValue(e, insn)
    if (place.bytes < 8) {
      w.i64(2 ** (8 * place.bytes) - 1, 0)
      w.op(Wasm.I64_AND)
    }
    w.set(local)
    return
  }
  w.get(local)
  if (kind === Kind.LDXSX) w.op(EXTEND[8 * place.bytes]![1])
  w.set(e.register(insn.dst))
}

/**
 * Pushes an address in kernel memory; gives what the access adds. The sum of base and offset is made here, as an
 * access's own offset does not wrap, and a pointer may have been moved below 0 before the offset brings it back.
 */
export function pushKernelAddress(e: Emitter, base: number, offset: number): number {
  const { w } = e
  if (base === FRAME_POINTER) {
    w.get(e.frame)
    return FRAME_BYTES + offset
  }
  e.get32(base)
  if (offset !== 0) {
    w.i32(offset)
    w.op(Wasm.I32_ADD)
  }
  return 0
}

function emitKernelLoad(e: Emitter, insn: Instruction, place: number, bytes: number): void {
  const { w } = e
  const signed = insn.row.kind === Kind.LDXSX
  const offset = pushKernelAddress(e, insn.src, place)
  w.access(signed ? SIGNED_LOADS[bytes]! : loadCode(bytes), e.context.memories.kernel, offset, false)
  w.set(e.register(insn.dst))
}

function emitKernelStore(e: Emitter, insn: Instruction, place: number, bytes: number): void {
  const offset = pushKernelAddress(e, insn.dst, place)
  pushValue(e, insn)
  e.w.access(storeCode(bytes), e.context.memories.kernel, offset, false)
}

/** The value that a store writes. */
function pushValue(e: Emitter, insn: Instruction): void {
  if (insn.row.operand === Operand.IMM) e.w.i64(insn.imm)
  else e.get64(insn.src)
}

/** Pushes base + offset, modulo 2^32. */
export function pushArenaAddress(e: Emitter, base: number, offset: number): void {
  e.get32(base)
  if (offset === 0) return
  e.w.i32(offset)
  e.w.op(Wasm.I32_ADD)
}

/** Pushes the address of an access for an exact function. */
export function pushExact(e: Emitter, base: number, offset: number): void {
  e.get32(base)
  e.w.op(Wasm.I64_EXTEND_I32_U)
  if (offset === 0) return
  e.w.i64(offset)
  e.w.op(Wasm.I64_ADD)
}

function emitArenaLoad(e: Emitter, insn: Instruction, slot: number): void {
  const { w } = e
  const { row, src, dst, off } = insn
  const bytes = row.memWidth / 8
  const signed = row.kind === Kind.LDXSX
  if (row.kind === Kind.LOAD_ACQUIRE) {
    emitArenaAcquire(e, insn, slot)
    return
  }
  if (!pushLoadMayLeave(e, src, off, bytes)) {
    emitStraightLoad(e, insn)
    return
  }
  w.if(I64, false)
  pushExact(e, src, off)
  w.call(e.context.exact.load(bytes))
  if (signed) w.op(EXTEND[8 * bytes]![1])
  w.else()
  const add = pushStraight(e, src, off)
  w.access(signed ? SIGNED_LOADS[bytes]! : loadCode(bytes), e.context.memories.arena, add, true)
  w.end()
  w.set(e.register(dst))
}

/** Pushes the address of an access that lies in the window; gives what the access itself adds, which does not wrap. */
function pushStraight(e: Emitter, base: number, offset: number): number {
  if (offset < 0) {
    pushArenaAddress(e, base, offset)
    return 0
  }
  e.get32(base)
  return offset
}

/** The load itself. */
function emitStraightLoad(e: Emitter, { row, src, dst, off }: Instruction): void {
  const bytes = row.memWidth / 8
  const add = pushStraight(e, src, off)
  e.w.access(row.kind === Kind.LDXSX ? SIGNED_LOADS[bytes]! : loadCode(bytes), e.context.memories.arena, add, false)
  e.w.set(e.register(dst))
}

/** The store itself. */
function emitStraightStore(e: Emitter, insn: Instruction): void {
  const add = pushStraight(e, insn.dst, insn.off)
  pushValue(e, insn)
  e.w.access(storeCode(insn.row.memWidth / 8), e.context.memories.arena, add, false)
}

/** Pushes an i32 that is not 0 when the guard does not hold. */
export function pushGuardFails(e: Emitter, guard: Guard): void {
  const { w } = e
  if (guard.kind === 'page') {
    w.get(e.page(guard.register))
    w.i32(Present.ALL)
    w.op(Wasm.I32_NE)
    return
  }
  const { register, min, max, bytes } = guard
  const shift = 31 - Math.clz32(bytes)
  // Below `min` the sum wraps to a huge number; so much room is left at the top that it counts as too high.
  pushArenaAddress(e, register, min)
  rotate(e, shift)
  w.i32(((2 ** 32 - (max - min) - bytes - (min < 0 ? MAX_OFFSET : 0)) / bytes) | 0)
  w.op(Wasm.I32_GT_U)
}

/**
 * Pushes whether a load has to go the exact way; false, and nothing pushed, when none has.
 *
 * One comparison says both that an address is aligned and that adding the offset does not leave the window: rotated
 * right by log2(bytes), an unaligned address is a huge number.
 */
function pushLoadMayLeave(e: Emitter, base: number, off: number, bytes: number): boolean {
  const { w } = e
  const shift = 31 - Math.clz32(bytes)
  if (off === 0) {
    if (bytes === 1) return false
    e.get32(base)
    w.i32(bytes - 1)
    w.op(Wasm.I32_AND)
    return true
  }
  if (off > 0 && (off & (bytes - 1)) === 0) {
    e.get32(base)
    rotate(e, shift)
    w.i32(((2 ** 32 - off - bytes) / bytes) | 0)
    w.op(Wasm.I32_GT_U)
    return true
  }
  // A sum that has wrapped is at the wrong end: below the offset, or so high that the exact way sorts it out.
  pushArenaAddress(e, base, off)
  if (off < 0) {
    rotate(e, shift)
    w.i32(((2 ** 32 - MAX_OFFSET - bytes) / bytes) | 0)
    w.op(Wasm.I32_GT_U)
    return true
  }
  rotate(e, shift)
  w.i32(((2 ** 32 - bytes) / bytes) | 0)
  w.op(Wasm.I32_GT_U)
  pushArenaAddress(e, base, off)
  w.i32(off)
  w.op(Wasm.I32_LT_U)
  w.op(Wasm.I32_OR)
  return true
}

function rotate({ w }: Emitter, shift: number): void {
  if (shift === 0) return
  w.i32(shift)
  w.op(Wasm.I32_ROTR)
}

/** Pushes whether a register's page is there, and low + min to low + end is in it. */
export function pushWithinPage(e: Emitter, register: number, min: number, end: number): void {
  const { w } = e
  if (end - min > PAGE_SIZE) {
    w.i32(0)
    return
  }
  w.get(e.page(register))
  w.i32(Present.THIS)
  w.op(Wasm.I32_AND)
  e.get32(register)
  w.i32(PAGE_SIZE - 1)
  w.op(Wasm.I32_AND)
  w.i32(min)
  w.op(Wasm.I32_ADD)
  w.i32(PAGE_SIZE - (end - min))
  // Below the page the sum is a huge number.
  w.op(Wasm.I32_LE_U)
  w.op(Wasm.I32_AND)
}

/**
 * An access that goes by the page byte of its base: straight where all pages around are there, or where the base's is
 * and the access stays in it; else exact. Leaves what both leave.
 */
export function emitByPage(
  e: Emitter,
  insn: Instruction,
  slot: number,
  type: typeof I64 | undefined,
  straight: () => void,
  exact: () => void,
): void {
  const { w } = e
  const base = pageBase(insn, Access.ARENA)
  if (base < 0) {
    exact()
    return
  }
  const page = e.page(base)
  const withinPage = (): void => {
    pushWithinPage(e, base, insn.off, insn.off + insn.row.memWidth / 8)
    w.if(type)
    straight()
    w.else()
    exact()
    w.end()
  }
  if (e.failed.has(slot)) {
    withinPage()
    return
  }
  w.get(page)
  w.i32(Present.ALL)
  w.op(Wasm.I32_NE)
  w.if(type, false)
  withinPage()
  w.else()
  straight()
  w.end()
}

function emitArenaStore(e: Emitter, insn: Instruction, slot: number): void {
  const { dst, off, row } = insn
  const exact = (): void => {
    pushExact(e, dst, off)
    pushValue(e, insn)
    e.w.call(e.context.exact.store(row.memWidth / 8))
  }
  emitByPage(e, insn, slot, undefined, () => emitStraightStore(e, insn), exact)
}

/** An absent page leaves the destination alone, unlike a plain load. */
function emitArenaAcquire(e: Emitter, insn: Instruction, slot: number): void {
  const { w } = e
  const { dst, src, off, row } = insn
  const bytes = row.memWidth / 8
  const exact = (): void => {
    pushExact(e, src, off)
    e.get64(dst)
    w.call(e.context.exact.loadAcquire(bytes))
  }
  const straight = (): void => {
    pushArenaAddress(e, src, off)
    w.access(loadCode(bytes), e.context.memories.arena, 0, false)
  }
  emitByPage(e, insn, slot, I64, straight, exact)
  w.set(e.register(dst))
}

/** The host executes it on the run area's registers. */
function emitChecked(e: Emitter, insn: Instruction, slot: number): void {
  spillAll(e)
  e.w.i32(slot)
  e.w.call(e.context.host.checked)
  const { kind, op } = insn.row
  if (kind === Kind.ATOMIC) {
    fill(e, op === Op.CMPXCHG ? 0 : insn.src)
  } else if (kind === Kind.LDX || kind === Kind.LDXSX || kind === Kind.LOAD_ACQUIRE) fill(e, insn.dst)
}

function spillAll(e: Emitter): void {
  const { w } = e
  for (let n = 0; n <= FRAME_POINTER; n++) {
    w.globalGet(e.context.area)
    e.get64(n)
    w.access(Wasm.I64_STORE, e.context.memories.kernel, 8 * n, true)
  }
}

function fill(e: Emitter, n: number): void {
  if (n === FRAME_POINTER) return
  e.w.globalGet(e.context.area)
  e.w.access(Wasm.I64_LOAD, e.context.memories.kernel, 8 * n, true)
  e.w.set(e.register(n))
}
