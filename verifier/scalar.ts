/**
 * A scalar register's abstract value: a tnum and eight bounds, each holding every value the register may have.
 *
 *     tnum     which bits are known
 *     u64 s64  [umin, umax], [smin, smax] of the whole
 *     u32 s32  [u32min, u32max], [s32min, s32max] of the low half
 *
 * Functions take the register record's array and offset (layout.ts). What is not said to be touched (type, id, link,
 * precise mark, definition as 32 bits) stays. Source: Linux 6.18 (stable).
 */
import * as int64 from '../memory/int64.ts'
import {
  ID,
  LINK,
  MASK_HI,
  MASK_LO,
  OFF,
  REG_WORDS,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  SUBREG_DEF,
  TYPE,
  U32MAX,
  U32MIN,
  UMAX_HI,
  UMAX_LO,
  UMIN_HI,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'
import { tnumUnknown } from './tnum.ts'

export const S32_MIN: number = -0x8000_0000
export const S32_MAX = 0x7fff_ffff

/** Tnum and all bounds become the one number. */
export function setConst(w: Int32Array, at: number, lo: number, high: number): void {
  w[at + VALUE_LO] = lo
  w[at + VALUE_HI] = high
  w[at + MASK_LO] = 0
  w[at + MASK_HI] = 0
  for (let i = SMIN_LO; i <= UMAX_LO; i += 2) {
    w[at + i] = lo
    w[at + i + 1] = high
  }
  w[at + S32MIN] = lo
  w[at + S32MAX] = lo
  w[at + U32MIN] = lo
  w[at + U32MAX] = lo
}

/** Every 64-bit number, in tnum and bounds. */
export function setUnknown(w: Int32Array, at: number): void {
  tnumUnknown(w, at + VALUE_LO)
  setUnbounded(w, at)
}

/** Resets all eight bounds; the tnum stays. */
export function setUnbounded(w: Int32Array, at: number): void {
  setUnbounded64(w, at)
  setUnbounded32(w, at)
}

/** Resets the signed and unsigned 64-bit bounds. */
export function setUnbounded64(w: Int32Array, at: number): void {
  setUnboundedS64(w, at)
  setUnboundedU64(w, at)
}

export function setUnboundedS64(w: Int32Array, at: number): void {
  w[at + SMIN_LO] = 0
  w[at + SMIN_HI] = S32_MIN
  w[at + SMAX_LO] = -1
  w[at + SMAX_HI] = S32_MAX
}

export function setUnboundedU64(w: Int32Array, at: number): void {
  w[at + UMIN_LO] = 0
  w[at + UMIN_HI] = 0
  w[at + UMAX_LO] = -1
  w[at + UMAX_HI] = -1
}

/** Resets the signed and unsigned bounds of the low half. */
export function setUnbounded32(w: Int32Array, at: number): void {
  w[at + S32MIN] = S32_MIN
  w[at + S32MAX] = S32_MAX
  w[at + U32MIN] = 0
  w[at + U32MAX] = -1
}

/** The record becomes that of an unknown scalar without an id, not precise; its definition as 32 bits stays. */
export function makeUnknown(w: Int32Array, at: number): void {
  clearRecord(w, at)
  setUnknown(w, at)
}

/** The record becomes that of a constant scalar without an id, not precise; its definition as 32 bits stays. */
export function makeConst(w: Int32Array, at: number, lo: number, high: number): void {
  clearRecord(w, at)
  setConst(w, at, lo, high)
}

function clearRecord(w: Int32Array, at: number): void {
  const subregDef = w[at + SUBREG_DEF]!
  w.fill(0, at, at + REG_WORDS)
  w[at + TYPE] = RegType.SCALAR
  w[at + SUBREG_DEF] = subregDef
}

/** Unlinks a scalar from its copies. */
export function clearId(w: Int32Array, at: number): void {
  w[at + ID] = 0
  w[at + OFF] = 0
  w[at + LINK] = 0
}

/** Copies a whole record; the arrays may be the same. */
export function copyReg(to: Int32Array, toAt: number, from: Int32Array, fromAt: number): void {
  for (let i = 0; i < REG_WORDS; i++) to[toAt + i] = from[fromAt + i]!
}

/** Copies tnum and bounds alone; the arrays may be the same. */
export function copyValue(to: Int32Array, toAt: number, from: Int32Array, fromAt: number): void {
  for (let i = VALUE_LO; i <= U32MAX; i++) to[toAt + i] = from[fromAt + i]!
}

/** True when the tnum knows all 64 bits. */
export function isConst(w: Int32Array, at: number): boolean {
  return (w[at + MASK_LO]! | w[at + MASK_HI]!) === 0
}

/** True when the tnum knows the low 32 bits. */
export function isConst32(w: Int32Array, at: number): boolean {
  return w[at + MASK_LO] === 0
}

/** True for the constant `value` (an s32, sign-extended). */
export function isConstValue(w: Int32Array, at: number, value: number): boolean {
  return isConst(w, at) && w[at + VALUE_LO] === value && w[at + VALUE_HI] === value >> 31
}

/** True when umax is below 2^bits, 1 <= bits <= 64: nothing is lost in a narrower copy. */
export function fitsUnsigned(w: Int32Array, at: number, bits: number): boolean {
  return int64.significantBits(w[at + UMAX_LO]!, w[at + UMAX_HI]!) <= bits
}

/** Which invariant of a register does not hold (9.3). */
export type InvariantKind = 'bounds' | 'const64' | 'const32'

/** A register that broke an invariant, as it was then; numbers of 64 bits. */
export interface Violation {
  readonly kind: InvariantKind
  readonly umin: bigint
  readonly umax: bigint
  readonly smin: bigint
  readonly smax: bigint
  readonly u32min: number
  readonly u32max: number
  readonly s32min: number
  readonly s32max: number
  /** Unsigned. */
  readonly value: bigint
  /** Unsigned. */
  readonly mask: bigint
}

/**
 * Checks that no lower bound exceeds its upper one and that known bits agree with the bounds. On a violation, which
 * only code on impossible paths brings about, resets all bounds (the tnum stays) and says what was wrong.
 */
export function checkInvariants(w: Int32Array, at: number): Violation | undefined {
  const kind = brokenInvariant(w, at)
  if (kind === undefined) return undefined
  const violation: Violation = {
    kind,
    umin: int64.toBigUint(w[at + UMIN_LO]!, w[at + UMIN_HI]!),
    umax: int64.toBigUint(w[at + UMAX_LO]!, w[at + UMAX_HI]!),
    smin: int64.toBigInt(w[at + SMIN_LO]!, w[at + SMIN_HI]!),
    smax: int64.toBigInt(w[at + SMAX_LO]!, w[at + SMAX_HI]!),
    u32min: w[at + U32MIN]! >>> 0,
    u32max: w[at + U32MAX]! >>> 0,
    s32min: w[at + S32MIN]!,
    s32max: w[at + S32MAX]!,
    value: int64.toBigUint(w[at + VALUE_LO]!, w[at + VALUE_HI]!),
    mask: int64.toBigUint(w[at + MASK_LO]!, w[at + MASK_HI]!),
  }
  setUnbounded(w, at)
  return violation
}

/** The first invariant that does not hold. Changes nothing. */
export function brokenInvariant(w: Int32Array, at: number): InvariantKind | undefined {
  if (hasEmptyRange(w, at)) return 'bounds'
  const lo = w[at + VALUE_LO]!
  const high = w[at + VALUE_HI]!
  if (w[at + MASK_LO] !== 0) return undefined
  if (w[at + MASK_HI] === 0) {
    for (let i = SMIN_LO; i <= UMAX_LO; i += 2) {
      if (w[at + i] !== lo || w[at + i + 1] !== high) return 'const64'
    }
  }
  for (let i = S32MIN; i <= U32MAX; i++) {
    if (w[at + i] !== lo) return 'const32'
  }
  return undefined
}

/** True when a lower bound exceeds its upper one. */
export function hasEmptyRange(w: Int32Array, at: number): boolean {
  return (
    int64.ltU(w[at + UMAX_LO]!, w[at + UMAX_HI]!, w[at + UMIN_LO]!, w[at + UMIN_HI]!) ||
    int64.ltS(w[at + SMAX_LO]!, w[at + SMAX_HI]!, w[at + SMIN_LO]!, w[at + SMIN_HI]!) ||
    int64.ltU32(w[at + U32MAX]!, w[at + U32MIN]!) ||
    w[at + S32MAX]! < w[at + S32MIN]!
  )
}
