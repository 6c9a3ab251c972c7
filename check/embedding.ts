/**
 * Does a concrete state of the machine lie in an abstract state of the verifier? Every register and stack byte that
 * the abstract one says something of is held against it:
 *
 *     scalar    tnum and all eight bounds; copies (same id) equal, or apart by their deltas
 *     pointer   address = base of what it points to + fixed offset + variable part, the latter as a scalar
 *     stack     bytes known as zero are zero; saved registers as registers
 *
 * What the abstract state leaves open (unset registers, bytes never written or of unknown content) holds anything.
 */
import { ltS, ltU, significantBits, sub, hi as subHigh, toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import {
  baseType,
  FRAME,
  ID,
  LINK,
  MAP,
  MASK_HI,
  MASK_LO,
  OFF,
  PRECISE,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  TYPE,
  TypeFlag,
  U32MAX,
  U32MIN,
  UMAX_HI,
  UMAX_LO,
  UMIN_HI,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from '../verifier/layout.ts'
import { type Frame, REGISTERS, registerAt, SLOT_SIZE, SlotKind, slotAt } from '../verifier/state.ts'
import type { Concrete } from './concrete.ts'
import type { Frames } from './walk-record.ts'

/** How much of an abstract state must hold. */
export type Strictness =
  /** Everything. */
  | 'walked'
  /** Scalars that are not precise may be anything: the state is one that stored states were compared with. */
  | 'covered'
  /** Pointers in registers alone: a path that was cut short goes on as an older one, which is only alike. */
  | 'pointers'

/** The first thing found outside of an abstract state. */
export interface Mismatch {
  /** `frame 0: R3`, `frame 1: fp-16`. */
  readonly place: string
  readonly value: string
  /** Places that fitted before. */
  readonly fitted: number
}

/** Scalars by id: the first one met. */
interface Linked {
  readonly id: number
  readonly link: number
  readonly lo: number
  readonly hi: number
}

interface Comparison {
  readonly concrete: Concrete
  readonly strictness: Strictness
  readonly linked: Linked[]
  fitted: number
}

/**
 * Compares a run with an abstract state of the same place. `live` gives the registers to look at, by frame.
 * @returns undefined when it lies inside
 */
export function outside(
  frames: Frames,
  concrete: Concrete,
  live: (frame: number) => number,
  strictness: Strictness,
): Mismatch | undefined {
  const comparison: Comparison = { concrete, strictness, linked: [], fitted: 0 }
  for (const [n, frame] of frames.entries()) {
    const wrong =
      registersOutside(comparison, frame, n, live(n)) ??
      (strictness === 'pointers' ? undefined : stackOutside(comparison, frame, n))
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** r10 is always compared: it says that both mean the same frame. */
function registersOutside(c: Comparison, frame: Frame, number: number, live: number): Mismatch | undefined {
  for (let n = 0; n < REGISTERS; n++) {
    if (n < 10 && ((live >>> n) & 1) === 0) continue
    if (!c.concrete.register(number, n)) continue
    if (!fits(c, frame.words, registerAt(n), 8)) return mismatch(c, `frame ${number}: R${n}`)
    c.fitted += 1
  }
  return undefined
}

/**
 * `kinds` run from the highest address of a slot to the lowest; a register saved in fewer than 8 bytes lies in the
 * lowest ones, so the run of SPILL at the end is its width.
 */
function stackOutside(c: Comparison, frame: Frame, number: number): Mismatch | undefined {
  for (let slot = 0; slot < frame.slots; slot++) {
    let saved = 0
    for (let k = SLOT_SIZE - 1; k >= 0; k--) {
      const kind = frame.kinds[slot * SLOT_SIZE + k]
      if (kind === SlotKind.SPILL && saved === SLOT_SIZE - 1 - k) saved += 1
      if (kind !== SlotKind.ZERO) continue
      const byte = c.concrete.stackByte(number, 8 * slot + 1 + k)
      if (byte !== 0) return { place: `frame ${number}: fp-${8 * slot + 1 + k}`, value: `${byte}`, fitted: c.fitted }
    }
    if (saved > 0) {
      c.concrete.stackSlot(number, slot, saved)
      if (!fits(c, frame.words, slotAt(slot), saved)) return mismatch(c, `frame ${number}: fp-${8 * slot + 8}`)
    }
    c.fitted += 1
  }
  return undefined
}

function mismatch(c: Comparison, place: string): Mismatch {
  const { lo, hi } = c.concrete
  return { place, value: `0x${toBigUint(lo, hi).toString(16)}`, fitted: c.fitted }
}

/** Whether the value just read, of `bytes` bytes, fits the register record at `at`. */
function fits(c: Comparison, w: Int32Array, at: number, bytes: number): boolean {
  const type = w[at + TYPE]!
  const { lo, hi } = c.concrete
  if ((type & TypeFlag.MAYBE_NULL) !== 0 && (lo | hi) === 0) return true
  switch (baseType(type)) {
    case RegType.SCALAR: {
      if (c.strictness === 'pointers') return true
      if (c.strictness === 'covered' && w[at + PRECISE] === 0) return true
      if (bytes < 8 && !inWidth(w, at, bytes)) return lowHalfFits(w, at, lo, bytes)
      return inScalar(w, at, lo, hi) && isLinked(c, w, at)
    }
    case RegType.CTX:
      return inPointer(c, w, at, c.concrete.addresses.context)
    case RegType.STACK:
      return inPointer(c, w, at, c.concrete.frameTop(w[at + FRAME]!))
    case RegType.MAP_VALUE:
      return inMapValue(c, w, at)
    case RegType.CONST_MAP_PTR:
      return toBigUint(lo, hi) === c.concrete.addresses.objects[w[at + MAP]! - 1]
    case RegType.ARENA:
      return hi === 0
    default:
      // Unset; pointers to packets and sockets are not compared yet.
      return true
  }
}

/** True when nothing was lost by saving only `bytes` bytes of the register. */
function inWidth(w: Int32Array, at: number, bytes: number): boolean {
  return significantBits(w[at + UMAX_LO]!, w[at + UMAX_HI]!) <= 8 * bytes
}

/** What the low bytes alone must obey: known bits, and the 32-bit bounds where all of these were saved. */
function lowHalfFits(w: Int32Array, at: number, lo: number, bytes: number): boolean {
  const known = ~w[at + MASK_LO]! & (bytes >= 4 ? -1 : (1 << (8 * bytes)) - 1)
  if (((lo ^ w[at + VALUE_LO]!) & known) !== 0) return false
  return bytes < 4 || in32(w, at, lo)
}

function in32(w: Int32Array, at: number, lo: number): boolean {
  return (
    lo >= w[at + S32MIN]! &&
    lo <= w[at + S32MAX]! &&
    lo >>> 0 >= w[at + U32MIN]! >>> 0 &&
    lo >>> 0 <= w[at + U32MAX]! >>> 0
  )
}

export function inScalar(w: Int32Array, at: number, lo: number, hi: number): boolean {
  if (((lo ^ w[at + VALUE_LO]!) & ~w[at + MASK_LO]!) !== 0) return false
  if (((hi ^ w[at + VALUE_HI]!) & ~w[at + MASK_HI]!) !== 0) return false
  if (!in32(w, at, lo)) return false
  return !(
    ltU(lo, hi, w[at + UMIN_LO]!, w[at + UMIN_HI]!) ||
    ltU(w[at + UMAX_LO]!, w[at + UMAX_HI]!, lo, hi) ||
    ltS(lo, hi, w[at + SMIN_LO]!, w[at + SMIN_HI]!) ||
    ltS(w[at + SMAX_LO]!, w[at + SMAX_HI]!, lo, hi)
  )
}

/** Copies of one scalar, their deltas taken off, are one number; of 32-bit additions only the low half tells. */
function isLinked(c: Comparison, w: Int32Array, at: number): boolean {
  const id = w[at + ID]!
  if (id === 0) return true
  const link = w[at + LINK]!
  const delta = link === 0 ? 0 : w[at + OFF]!
  const lo = sub(c.concrete.lo, c.concrete.hi, delta, delta >> 31)
  const hi = subHigh
  const found = c.linked.find((other) => other.id === id)
  if (found === undefined) {
    c.linked.push({ id, link, lo, hi })
    return true
  }
  return lo === found.lo && (hi === found.hi || link === 32 || found.link === 32)
}

/** Whether the address is `base` + fixed offset + something in the variable part. */
function inPointer(c: Comparison, w: Int32Array, at: number, base: number): boolean {
  const { lo, hi } = c.concrete
  const off = w[at + OFF]!
  const fromBase = sub(lo, hi, base | 0, base === 0 ? 0 : KERNEL_HIGH)
  const variable = sub(fromBase, subHigh, off, off >> 31)
  return inScalar(w, at, variable, subHigh)
}

/** Looked-up values do not say which element they are: any will do. */
function inMapValue(c: Comparison, w: Int32Array, at: number): boolean {
  const area = c.concrete.addresses.values[w[at + MAP]! - 1]
  if (area === undefined) return true
  for (let n = 0; n < area.count; n++) {
    if (inPointer(c, w, at, area.offset + n * area.stride)) return true
  }
  return false
}
