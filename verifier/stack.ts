/**
 * Loads from and stores to stack memory: bounds, spills and fills of registers, and what each byte holds after.
 *
 *     fp-8 .. fp-1 is slot 0       *(u64 *)(r10 -8) = r1     rrrrrrrr   the register is saved whole
 *     highest address first        *(u32 *)(r10 -8) = r1     ????rrrr   saved in the low end of the slot
 *                                  *(u32 *)(r10 -4) = r1     mmmm????   not at a slot's low end: bytes only
 *
 * Source: observed on Linux 6.18.
 */
import { leS } from '../memory/int64.ts'
import { fail } from './errors.ts'
import { baseType, FRAME, RegType, SMAX_LO, SMIN_LO, TYPE, VALUE_LO } from './layout.ts'
import { requestRegister } from './precision.ts'
import { pushHistory } from './prune.ts'
import { clearId, isConstValue, makeConst, makeUnknown } from './scalar.ts'
import {
  copyRegister,
  currentFrame,
  type Frame,
  growStack,
  isFullSpill,
  isSpilled,
  OPERAND,
  registerAt,
  SLOT_SIZE,
  SlotKind,
  type State,
  slotAt,
  touchSlot,
} from './state.ts'
import { tnumText } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'
import { isPointer, isScalar, isZero, shareId } from './walk-registers.ts'

/** Bytes of stack a frame may have. */
const MAX_STACK = 512
/** Offsets are kept below this in magnitude. */
export const MAX_OFFSET: number = 2 ** 29

/** Where an access through a stack pointer goes: `off` added, [min, max) in bytes from the frame pointer. */
export interface StackRange {
  readonly frame: Frame
  readonly min: number
  readonly max: number
  /** The offset is one number. */
  readonly fixed: boolean
}

/**
 * Checks that `size` bytes at `off` from the pointer in register `n` are inside its frame, and makes the frame that
 * deep. @throws Rejection
 */
export function stackRange(walk: Walk, state: State, n: number, off: number, size: number, write: boolean): StackRange {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  const frame = state.frames[words[at + FRAME]!]!
  const fixed = tnumIsConst(words, at + VALUE_LO)
  let min = off
  let max = off + size
  if (fixed) {
    min += words[at + VALUE_LO]!
    max = min + size
  } else {
    if (!boundsFit(words, at)) {
      fail('stack-unbounded', { access: write ? 'write to' : 'read from', reg: n })
    }
    min += words[at + SMIN_LO]!
    max += words[at + SMAX_LO]!
  }
  const errno = min < -MAX_STACK || min > -1 ? 'EACCES' : max > 0 ? 'EINVAL' : undefined
  if (errno !== undefined) {
    if (fixed) fail(write ? 'stack-write-range' : 'stack-read-range', { reg: n, off: min, size }, { errno })
    const varOff = tnumText(words, at + VALUE_LO)
    const kind = write ? 'stack-write-variable-range' : 'stack-read-variable-range'
    fail(kind, { reg: n, varOff, off, size }, { errno })
  }
  growStack(frame, Math.ceil(-min / SLOT_SIZE))
  const depth = frame.slots * SLOT_SIZE
  if (depth > walk.stackDepths[frame.subprogram]!) walk.stackDepths[frame.subprogram] = depth
  return { frame, min, max, fixed }
}

/** The signed bounds are inside +-2^29. */
function boundsFit(words: Int32Array, at: number): boolean {
  const limit = MAX_OFFSET
  return (
    leS(words[at + SMAX_LO]!, words[at + SMAX_LO + 1]!, limit - 1, 0) &&
    leS(-limit + 1, -1, words[at + SMIN_LO]!, words[at + SMIN_LO + 1]!)
  )
}

/** Tells liveness that slots of [min, max) of `frame` are read. */
export function readSlots(walk: Walk, state: State, frame: Frame, min: number, max: number): void {
  let low = 0
  let high = 0
  for (let n = slotOf(max - 1); n <= slotOf(min); n++) {
    if (n < 32) low |= 1 << n
    else high |= 1 << (n - 32)
  }
  walk.liveness.read(state, frame.number, low, high)
}

/** The slot that byte `off` lies in. */
export function slotOf(off: number): number {
  return Math.floor((-off - 1) / SLOT_SIZE)
}

/** Index in `kinds` of byte `off`. */
export function kindAt(off: number): number {
  return -off - 1
}

/**
 * A load of `size` bytes at `off` (without the pointer's variable part) through the stack pointer in register `n`,
 * into register `into`; -1 for atomics, whose result is handled by the caller.
 */
export function loadStack(walk: Walk, state: State, n: number, off: number, size: number, into: number): void {
  const range = stackRange(walk, state, n, off, size, false)
  if (range.fixed) loadFixed(walk, state, range, size, into)
  else loadVariable(walk, state, n, range, off, size, into)
}

/** Any of the bytes may be meant, so each has to be readable. */
function loadVariable(
  walk: Walk,
  state: State,
  n: number,
  range: StackRange,
  off: number,
  size: number,
  into: number,
): void {
  const { words } = currentFrame(state)
  if (into < 0) {
    const varOff = tnumText(words, registerAt(n) + VALUE_LO)
    fail('stack-variable-helper', { varOff, off })
  }
  readSlots(walk, state, range.frame, range.min, range.max)
  for (let at = range.min; at < range.max; at++) {
    if (isReadable(range.frame, at)) continue
    const varOff = tnumText(words, registerAt(n) + VALUE_LO)
    fail('stack-argument-read-variable', { reg: n, varOff, index: at - range.min, size })
  }
  loadBytes(state, range.frame, range.min, range.max, into)
}

/** Byte `off` may be read: it holds a scalar of some kind, part of a saved register, or nothing yet. */
export function isReadable(frame: Frame, off: number): boolean {
  const kind = frame.kinds[kindAt(off)]!
  return kind === SlotKind.MISC || kind === SlotKind.ZERO || kind === SlotKind.INVALID || kind === SlotKind.SPILL
}

/** Register `into` becomes what bytes [min, max) make: 0 when all are zero, else unknown. */
function loadBytes(state: State, frame: Frame, min: number, max: number, into: number): void {
  const { words } = currentFrame(state)
  for (let at = min; at < max; at++) {
    touchSlot(state, slotOf(at))
    if (frame.kinds[kindAt(at)] !== SlotKind.ZERO) {
      makeUnknown(words, registerAt(into))
      return
    }
  }
  makeConst(words, registerAt(into), 0, 0)
}

/** A load at a known place: a saved register comes back, or bytes make a number. */
function loadFixed(walk: Walk, state: State, range: StackRange, size: number, into: number): void {
  const { frame, min } = range
  const slot = slotOf(min)
  touchSlot(state, slot)
  readSlots(walk, state, frame, min, min + size)
  if (!isSpilled(frame, slot)) {
    for (let i = 0; i < size; i++) {
      const kind = frame.kinds[kindAt(min + i)]!
      if (kind === SlotKind.MISC || kind === SlotKind.ZERO || kind === SlotKind.INVALID) continue
      fail('stack-read', { off: min, index: i, size })
    }
    if (into >= 0) loadBytes(state, frame, min, min + size, into)
    return
  }
  if (size === SLOT_SIZE && isFullSpill(frame, slot)) fillWhole(walk, state, frame, slot, into)
  else fillPart(walk, state, frame, slot, min, size, into)
}

/** All eight bytes come back: pointers only do so. A number that has no id any more gets none here. */
function fillWhole(walk: Walk, state: State, frame: Frame, slot: number, into: number): void {
  if (into >= 0) copyRegister(currentFrame(state).words, registerAt(into), frame.words, slotAt(slot))
  noteSpill(walk, state, frame, slot)
}

/** Fewer bytes than were saved, or not at the low end: numbers only. */
function fillPart(walk: Walk, state: State, frame: Frame, slot: number, min: number, size: number, into: number): void {
  const at = slotAt(slot)
  if (!isScalar(frame.words, at)) fail('fill-size', {})
  if (into < 0) return
  const { words } = currentFrame(state)
  const to = registerAt(into)
  const width = spillWidth(frame, slot)
  if (size <= width && min % SLOT_SIZE === 0) {
    copyRegister(words, to, frame.words, at)
    if (!walk.transfer.fitsUnsigned(words, to, size * 8)) clearId(words, to)
    noteSpill(walk, state, frame, slot)
    return
  }
  let saved = 0
  let zeros = 0
  for (let i = 0; i < size; i++) {
    const kind = frame.kinds[kindAt(min + i)]!
    if (kind === SlotKind.SPILL) saved += 1
    else if (kind === SlotKind.ZERO) zeros += 1
    else if (kind !== SlotKind.MISC && kind !== SlotKind.INVALID) fail('stack-read', { off: min, index: i, size })
  }
  if (saved === size && isConstValue(frame.words, at, 0)) {
    makeConst(words, to, 0, 0)
    noteSpill(walk, state, frame, slot)
  } else if (zeros === size) makeConst(words, to, 0, 0)
  else makeUnknown(words, to)
}

/** Bytes of the register saved in a slot. */
function spillWidth(frame: Frame, slot: number): number {
  let width = 0
  while (width < SLOT_SIZE && frame.kinds[slot * SLOT_SIZE + 7 - width] === SlotKind.SPILL) width += 1
  return width
}

/** For backtracking: this instruction moves a register to or from the slot. */
function noteSpill(walk: Walk, state: State, frame: Frame, slot: number): void {
  const entry = pushHistory(walk, state)
  entry.spillSlot = slot
  entry.spillFrame = frame.number
}

/**
 * A store of `size` bytes at `off` through the stack pointer in register `n`: of register `from`, or for -1 of the
 * constant in the operand register, or for -2 (atomics) of something unknown.
 */
export function storeStack(walk: Walk, state: State, n: number, off: number, size: number, from: number): void {
  const range = stackRange(walk, state, n, off, size, true)
  if (range.fixed) storeFixed(walk, state, range, size, from)
  else storeVariable(walk, state, range, from)
}

function sourceAt(from: number): number {
  return registerAt(from === -1 ? OPERAND : from)
}

/** What is stored is known to be 0. */
function storesZero(words: Int32Array, from: number): boolean {
  return from !== -2 && isZero(words, sourceAt(from))
}

/** A store at a known place: a register is saved, or bytes are written. */
function storeFixed(walk: Walk, state: State, range: StackRange, size: number, from: number): void {
  const { frame, min } = range
  const { words } = currentFrame(state)
  const slot = slotOf(min)
  const aligned = min % SLOT_SIZE === 0
  refuseSpecial(frame, min, size)
  if (aligned && size === SLOT_SIZE) walk.liveness.write(frame.number, slot)
  touchSlot(state, slot)
  const at = sourceAt(from === -2 ? -1 : from)
  if (from !== -2 && aligned && isScalar(words, at)) {
    const fits = walk.transfer.fitsUnsigned(words, at, size * 8)
    if (fits && from >= 0) shareId(state, words, at)
    spill(frame, slot, words, at, size)
    if (!fits) clearId(frame.words, slotAt(slot))
    noteSpill(walk, state, frame, slot)
  } else if (from >= 0 && isPointer(words, at) && isSpillable(words[at + TYPE]!)) {
    if (size !== SLOT_SIZE) fail('spill-size', {})
    if (frame !== currentFrame(state) && words[at + TYPE] === RegType.STACK) fail('spill-into-caller', {})
    spill(frame, slot, words, at, size)
    noteSpill(walk, state, frame, slot)
  } else {
    storeBytes(walk, state, frame, min, size, from)
  }
}

/** Bytes that are no register's: zero when that is known, else anything. */
function storeBytes(walk: Walk, state: State, frame: Frame, min: number, size: number, from: number): void {
  const slot = slotOf(min)
  const zero = storesZero(currentFrame(state).words, from)
  frame.words[slotAt(slot) + TYPE] = RegType.NOT_INIT
  scrubSpecial(frame, slot)
  // A spill that is not at a slot's low end is remembered as zero bytes only: the zero has to hold later on.
  if (zero && from >= 0) requestRegister(walk.precision, state, from)
  for (let i = 0; i < size; i++) frame.kinds[kindAt(min + i)] = zero ? SlotKind.ZERO : SlotKind.MISC
}

/** Any of the slots may be hit, so all of them lose what they held. */
function storeVariable(walk: Walk, state: State, range: StackRange, from: number): void {
  const { frame, min, max } = range
  const zero = storesZero(currentFrame(state).words, from)
  let zeroKept = false
  refuseSpecial(frame, min, max - min)
  for (let off = min; off < max; off++) {
    const slot = slotOf(off)
    touchSlot(state, slot)
    const kind = frame.kinds[kindAt(off)]!
    const at = slotAt(slot)
    if (zero && kind === SlotKind.SPILL && isZero(frame.words, at)) {
      zeroKept = true
      continue
    }
    scrubSpecial(frame, slot)
    frame.words[at + TYPE] = RegType.NOT_INIT
    const keeps = zero && kind === SlotKind.ZERO
    if (keeps) zeroKept = true
    frame.kinds[kindAt(off)] = keeps ? SlotKind.ZERO : SlotKind.MISC
  }
  if (zeroKept && from >= 0) requestRegister(walk.precision, state, from)
}

/** Saves a register in the low `size` bytes of a slot; what was above stays zero or unwritten, else is unknown. */
function spill(frame: Frame, slot: number, words: Int32Array, at: number, size: number): void {
  copyRegister(frame.words, slotAt(slot), words, at)
  const first = slot * SLOT_SIZE
  for (let i = 0; i < SLOT_SIZE; i++) {
    if (i >= SLOT_SIZE - size) frame.kinds[first + i] = SlotKind.SPILL
    else scrubByte(frame, first + i)
  }
}

function scrubByte(frame: Frame, i: number): void {
  const kind = frame.kinds[i]!
  if (kind !== SlotKind.ZERO && kind !== SlotKind.INVALID) frame.kinds[i] = SlotKind.MISC
}

/** A slot that held a register, iterator or flag holds bytes from now on. */
export function scrubSpecial(frame: Frame, slot: number): void {
  const last = frame.kinds[slot * SLOT_SIZE + 7]!
  if (last === SlotKind.MISC || last === SlotKind.ZERO || last === SlotKind.INVALID) return
  for (let i = slot * SLOT_SIZE; i < (slot + 1) * SLOT_SIZE; i++) {
    if (frame.kinds[i] !== SlotKind.INVALID) frame.kinds[i] = SlotKind.MISC
  }
}

/** Dynptrs end when they are overwritten, which is not known here yet. */
function refuseSpecial(frame: Frame, min: number, size: number): void {
  for (let off = min; off < min + size; off++) {
    if (frame.kinds[kindAt(off)] === SlotKind.DYNPTR) fail('not-implemented', { name: 'stores over dynptrs' })
  }
}

/** Types that a slot can hold; the others are stored as bytes. */
function isSpillable(type: number): boolean {
  switch (baseType(type)) {
    case RegType.NOT_INIT:
    case RegType.TP_BUFFER:
    case RegType.DYNPTR:
      return false
    default:
      return true
  }
}
