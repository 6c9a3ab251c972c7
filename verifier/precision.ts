/**
 * Precision: which scalars a decision depended on, found by walking a path backwards.
 *
 *     parent checkpoint <-- history entries -- current state
 *        r1 precise   <---   r2 = r1   <---   p += r2     wanted: r2
 *
 * A scalar that nobody asked for is not looked at when states are compared. So a request for a register walks back
 * over the path's instructions, turns into a request for what the register came from, and marks what it meets in
 * each checkpoint on the way, until everything was constant or marked before. What is requested is a set of
 * registers and stack slots for each frame (Wanted). Source: observed on Linux 6.18.
 */
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Kind, Operand } from '../isa/table.ts'
import { fail } from './errors.ts'
import type { LogSink } from './events.ts'
import { PRECISE, RegType, TYPE } from './layout.ts'
import {
  type Checkpoint,
  type Frame,
  type HistoryEntry,
  isSpilled,
  type Place,
  REGISTERS,
  registerAt,
  SLOT_SIZE,
  type State,
  slotAt,
} from './state.ts'

const MAX_FRAMES = 8
/** r1 to r5. */
const ARGUMENTS = 0x3e

/** What is needed of the program and of the log. */
export interface Precision {
  readonly insns: readonly Instruction[]
  readonly sink: LogSink
  isGlobal(subprogramStart: Slot): boolean
  /** The instruction calls a synchronous callback. */
  callsCallback(slot: Slot): boolean
  /** The instruction is a tail call. */
  isTailCall(slot: Slot): boolean
}

/** Requested registers and stack slots, by frame; `frame` is the one the walk backwards is in. */
export class Wanted {
  frame: number
  readonly registers: Int32Array = new Int32Array(MAX_FRAMES)
  readonly slotsLow: Int32Array = new Int32Array(MAX_FRAMES)
  readonly slotsHigh: Int32Array = new Int32Array(MAX_FRAMES)

  constructor(frame: number) {
    this.frame = frame
  }

  /** Nothing is wanted, and the walk starts in `frame`. */
  reset(frame: number): this {
    this.frame = frame
    this.registers.fill(0)
    this.slotsLow.fill(0)
    this.slotsHigh.fill(0)
    return this
  }

  isEmpty(): boolean {
    for (let i = 0; i <= this.frame; i++) {
      if ((this.registers[i]! | this.slotsLow[i]! | this.slotsHigh[i]!) !== 0) return false
    }
    return true
  }

  hasRegister(n: number): boolean {
    return ((this.registers[this.frame]! >>> n) & 1) === 1
  }

  addRegister(n: number, frame: number = this.frame): void {
    this.registers[frame]! |= 1 << n
  }

  dropRegister(n: number, frame: number = this.frame): void {
    this.registers[frame]! &= ~(1 << n)
  }

  hasSlot(n: number, frame: number): boolean {
    const word = n < 32 ? this.slotsLow[frame]! : this.slotsHigh[frame]!
    return ((word >>> (n & 31)) & 1) === 1
  }

  addSlot(n: number, frame: number): void {
    const words = n < 32 ? this.slotsLow : this.slotsHigh
    words[frame]! |= 1 << (n & 31)
  }

  dropSlot(n: number, frame: number): void {
    const words = n < 32 ? this.slotsLow : this.slotsHigh
    words[frame]! &= ~(1 << (n & 31))
  }

  hasPlace(place: Place): boolean {
    return place.spill
      ? this.hasSlot(place.index, place.frame)
      : ((this.registers[place.frame]! >>> place.index) & 1) === 1
  }

  addPlace(place: Place): void {
    if (place.spill) this.addSlot(place.index, place.frame)
    else this.addRegister(place.index, place.frame)
  }
}

/** For one request at a time; made once, as requests are frequent. */
const request = new Wanted(0)

/** Requests register `n` of the current frame. Nothing in `state` itself is marked, only in its checkpoints. */
export function requestRegister(precision: Precision, state: State, n: number): void {
  const wanted = request.reset(state.frames.length - 1)
  wanted.addRegister(n)
  walkBack(precision, state, wanted)
}

/**
 * Requests everything in `wanted`.
 * @returns whether a mark was set that was not set before
 */
export function walkBack(precision: Precision, state: State, wanted: Wanted): boolean {
  if (wanted.isEmpty()) return false
  const detail = (precision.sink.level & 2) !== 0
  let changed = false
  let at: State = state
  let last = state.slot
  let next = -1
  let skip = true
  for (;;) {
    if (detail) {
      precision.sink.event({ kind: 'precise-start', frame: wanted.frame, last, first: at.firstSlot, next })
    }
    if (last < 0) {
      // The entry of a global function: its arguments are unknown scalars.
      for (const n of registersOf(wanted.registers[wanted.frame]!)) {
        const frame = at.frames[0]!
        wanted.dropRegister(n)
        if (frame.words[registerAt(n) + TYPE] === RegType.SCALAR) frame.words[registerAt(n) + PRECISE] = 1
      }
      return changed
    }
    const step = backOverPath(precision, at, wanted, last, next, skip)
    if (step === 'done') return changed
    if (step === 'give-up') return markAllPrecise(precision, state) || changed
    skip = false
    next = at.firstSlot
    const parent = at.parent
    if (parent === undefined) break
    if (markParent(precision, parent, wanted)) changed = true
    if (wanted.isEmpty()) return changed
    last = parent.previous
    at = parent
  }
  if (wanted.isEmpty()) return changed
  return markAllPrecise(precision, state) || changed
}

/**
 * Steps back from `last` to the first instruction of `at`. Between two entries of the history the path was a straight
 * line. `next` is the instruction that the path went on with.
 */
function backOverPath(
  precision: Precision,
  at: State,
  wanted: Wanted,
  last: Slot,
  next: Slot,
  skipFirst: boolean,
): 'done' | 'give-up' | 'border' {
  let entry = at.history
  let slot = last
  let skip = skipFirst
  let after = next
  for (;;) {
    if (skip) skip = false
    else {
      const own = entry !== undefined && entry.slot === slot ? entry : undefined
      if (!backOver(precision, wanted, slot, after, own)) return 'give-up'
      if (wanted.isEmpty()) return 'done'
    }
    after = slot
    if (slot === at.firstSlot && (entry === undefined || (entry.older === undefined && entry.slot === slot))) {
      return 'border'
    }
    if (entry !== undefined && entry.slot === slot) {
      slot = entry.previous
      entry = entry.older
    } else slot -= 1
  }
}

/** Turns requests after the instruction at `slot` into requests before it. @returns false to give up */
function backOver(
  precision: Precision,
  wanted: Wanted,
  slot: Slot,
  after: Slot,
  entry: HistoryEntry | undefined,
): boolean {
  const insn = precision.insns[slot]!
  if (insn.row.kind === Kind.LD_IMM64_HI) return true
  if ((precision.sink.level & 2) !== 0) {
    const frame = wanted.frame
    precision.sink.event({
      kind: 'precise-step',
      frame,
      slot,
      places: {
        registers: wanted.registers[frame]!,
        slotsLow: wanted.slotsLow[frame]!,
        slotsHigh: wanted.slotsHigh[frame]!,
      },
    })
  }
  addLinked(wanted, entry)
  if (!backOverInstruction(precision, wanted, insn, slot, after, entry)) return false
  addLinked(wanted, entry)
  return true
}

/** Scalars that a jump refined together stand and fall together. */
function addLinked(wanted: Wanted, entry: HistoryEntry | undefined): void {
  const linked = entry?.linked
  if (linked === undefined || !linked.some((place) => wanted.hasPlace(place))) return
  for (const place of linked) wanted.addPlace(place)
}

/** The rules, by kind of instruction. @returns false to give up */
function backOverInstruction(
  precision: Precision,
  wanted: Wanted,
  insn: Instruction,
  slot: Slot,
  after: Slot,
  entry: HistoryEntry | undefined,
): boolean {
  const { row, dst, src } = insn
  switch (row.kind) {
    case Kind.ALU:
      if (wanted.hasRegister(dst) && row.operand === Operand.REG && src !== 10) wanted.addRegister(src)
      return true
    case Kind.NEG:
    case Kind.END:
      return true
    case Kind.MOV:
    case Kind.MOVSX:
    case Kind.CAST_KERN:
    case Kind.CAST_USER:
      if (!wanted.hasRegister(dst)) return true
      wanted.dropRegister(dst)
      if (row.operand === Operand.REG && src !== 10) wanted.addRegister(src)
      return true
    case Kind.LD_IMM64:
      wanted.dropRegister(dst)
      return true
    case Kind.LDX:
    case Kind.LDXSX:
    case Kind.LOAD_ACQUIRE:
      if (!wanted.hasRegister(dst)) return true
      wanted.dropRegister(dst)
      if (entry !== undefined && entry.spillSlot >= 0) wanted.addSlot(entry.spillSlot, entry.spillFrame)
      return true
    case Kind.ST:
    case Kind.STX:
    case Kind.STORE_RELEASE:
    case Kind.ATOMIC:
      return backOverStore(wanted, insn, entry)
    case Kind.JCOND:
      backOverJump(wanted, insn, entry)
      return true
    case Kind.CALL_LOCAL:
    case Kind.CALL_HELPER:
    case Kind.CALL_KFUNC:
      return backOverCall(precision, wanted, insn, slot, after)
    case Kind.EXIT:
      backOverExit(precision, wanted, after)
      return true
    case Kind.LD_ABS:
    case Kind.LD_IND:
      return backOverPacketLoad(wanted, slot, after)
    default:
      return true
  }
}

/** A register that was saved: from its slot to the register. */
function backOverStore(wanted: Wanted, insn: Instruction, entry: HistoryEntry | undefined): boolean {
  const { row, dst, src } = insn
  // The address of a store is no scalar that a request could reach.
  if (wanted.hasRegister(dst)) return false
  if (entry === undefined || entry.spillSlot < 0) return true
  if (!wanted.hasSlot(entry.spillSlot, entry.spillFrame)) return true
  wanted.dropSlot(entry.spillSlot, entry.spillFrame)
  if (row.operand === Operand.REG) wanted.addRegister(src)
  return true
}

/** A comparison of two numbers that was decided rests on both of them. */
function backOverJump(wanted: Wanted, insn: Instruction, entry: HistoryEntry | undefined): void {
  const { row, dst, src } = insn
  if (row.operand !== Operand.REG) return
  if (!wanted.hasRegister(dst) && !wanted.hasRegister(src)) return
  const stack = entry?.stackOperands ?? 0
  if ((stack & 1) === 0) wanted.addRegister(dst)
  if ((stack & 2) === 0) wanted.addRegister(src)
}

/** From behind a call to before it, or, from the callee's first instruction, into the caller. */
function backOverCall(precision: Precision, wanted: Wanted, insn: Instruction, slot: Slot, after: Slot): boolean {
  const frame = wanted.frame
  if (insn.row.kind === Kind.CALL_LOCAL) {
    if (precision.isGlobal(slot + insn.imm + 1)) {
      wanted.dropRegister(0)
      return true
    }
    // Back over the entry: arguments were the caller's registers.
    wanted.registers[frame - 1]! |= wanted.registers[frame]! & ARGUMENTS
    wanted.registers[frame] = 0
    wanted.frame = frame - 1
    return true
  }
  if (precision.callsCallback(slot) && slot !== after - 1) {
    // From the first instruction of a callback: its arguments were made by the call.
    wanted.registers[frame]! &= ~ARGUMENTS
    wanted.frame = frame - 1
    return true
  }
  if (precision.isTailCall(slot) && slot !== after - 1) {
    enterCallee(wanted, true)
    return true
  }
  if (insn.row.kind === Kind.CALL_KFUNC && insn.imm === 0) return false
  wanted.dropRegister(0)
  return true
}

/**
 * A load that failed has left its function. Linux goes on as if it had not, and so takes the function's registers for
 * the caller's: it overlooks some requests, and for others gives up with EFAULT. To follow the first would be unsound.
 */
function backOverPacketLoad(wanted: Wanted, slot: Slot, after: Slot): boolean {
  if (wanted.hasRegister(0)) return false
  if (after !== slot + 1) fail('not-implemented', { name: 'precision past a packet load that left a function' })
  return true
}

/** Back over an exit is into the function that was left. */
function backOverExit(precision: Precision, wanted: Wanted, after: Slot): void {
  if (precision.callsCallback(after)) wanted.registers[wanted.frame]! &= ~ARGUMENTS
  const call = after > 0 ? precision.insns[after - 1]! : undefined
  enterCallee(wanted, call?.row.kind === Kind.CALL_LOCAL)
}

/** What the result was made of is the callee's business now. */
function enterCallee(wanted: Wanted, resultMovesIn: boolean): void {
  const moves = resultMovesIn && wanted.hasRegister(0)
  wanted.dropRegister(0)
  wanted.frame += 1
  if (moves) wanted.addRegister(0)
}

/** Marks what is wanted in a checkpoint; what is no scalar there, or marked already, is wanted no longer. */
function markParent(precision: Precision, parent: Checkpoint, wanted: Wanted): boolean {
  let changed = false
  for (let f = wanted.frame; f >= 0; f--) {
    const frame = parent.frames[f]!
    for (const n of registersOf(wanted.registers[f]!)) {
      if (markScalar(frame.words, registerAt(n))) changed = true
      else wanted.dropRegister(n, f)
    }
    for (const n of slotsOf(wanted, f)) {
      if (isSpilled(frame, n) && n < frame.slots && markScalar(frame.words, slotAt(n))) changed = true
      else wanted.dropSlot(n, f)
    }
    if ((precision.sink.level & 2) !== 0) {
      precision.sink.event({
        kind: 'precise-parent',
        frame,
        state: parent,
        places: {
          registers: wanted.registers[f]!,
          slotsLow: wanted.slotsLow[f]!,
          slotsHigh: wanted.slotsHigh[f]!,
        },
      })
    }
  }
  return changed
}

/** @returns true when the mark is new */
function markScalar(words: Int32Array, at: number): boolean {
  if (words[at + TYPE] !== RegType.SCALAR || words[at + PRECISE] !== 0) return false
  words[at + PRECISE] = 1
  return true
}

/** Every scalar of every checkpoint above `state` becomes precise. @returns whether a mark was new */
export function markAllPrecise(precision: Precision, state: State): boolean {
  const detail = (precision.sink.level & 2) !== 0
  if (detail) precision.sink.event({ kind: 'precise-fallback', frame: state.frames.length - 1 })
  let changed = false
  for (let at = state.parent; at !== undefined; at = at.parent) {
    for (const frame of at.frames) {
      for (let n = 0; n < REGISTERS - 1; n++) {
        if (!markScalar(frame.words, registerAt(n))) continue
        changed = true
        if (detail) reportForced(precision, frame, `r${n}`)
      }
      for (let n = 0; n < frame.slots; n++) {
        if (!isSpilled(frame, n) || !markScalar(frame.words, slotAt(n))) continue
        changed = true
        if (detail) reportForced(precision, frame, `fp-${(n + 1) * SLOT_SIZE}`)
      }
    }
  }
  return changed
}

function reportForced(precision: Precision, frame: Frame, place: string): void {
  const text = `force_precise: frame${frame.number}: forcing ${place} to be precise`
  precision.sink.event({ kind: 'text', text })
}

/**
 * Requests in `state` what is precise in `old`, which covers it.
 * @returns whether a mark was set that was not set before
 */
export function propagatePrecision(precision: Precision, state: State, old: State): boolean {
  const wanted = request.reset(state.frames.length - 1)
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const frame = old.frames[f]!
    addPrecise(frame, wanted, f)
    if ((precision.sink.level & 2) === 0) continue
    const registers = wanted.registers[f]!
    const slotsLow = wanted.slotsLow[f]!
    const slotsHigh = wanted.slotsHigh[f]!
    if ((registers | slotsLow | slotsHigh) === 0) continue
    precision.sink.event({ kind: 'propagate', frame: f, places: { registers, slotsLow, slotsHigh } })
  }
  return walkBack(precision, state, wanted)
}

/** Everything of one frame that is marked becomes wanted. */
function addPrecise(frame: Frame, wanted: Wanted, f: number): void {
  const { words } = frame
  for (let n = 0; n < REGISTERS - 1; n++) {
    const at = registerAt(n)
    if (words[at + TYPE] === RegType.SCALAR && words[at + PRECISE] !== 0) wanted.addRegister(n, f)
  }
  for (let n = 0; n < frame.slots; n++) {
    const at = slotAt(n)
    if (isSpilled(frame, n) && words[at + TYPE] === RegType.SCALAR && words[at + PRECISE] !== 0) wanted.addSlot(n, f)
  }
}

/** The numbers of the bits of `mask`, ascending. */
export function registersOf(mask: number): number[] {
  const out: number[] = []
  for (let n = 0; n < REGISTERS; n++) if (((mask >>> n) & 1) === 1) out.push(n)
  return out
}

function slotsOf(wanted: Wanted, frame: number): number[] {
  const out: number[] = []
  if ((wanted.slotsLow[frame]! | wanted.slotsHigh[frame]!) === 0) return out
  for (let n = 0; n < 64; n++) if (wanted.hasSlot(n, frame)) out.push(n)
  return out
}
