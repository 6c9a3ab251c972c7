/**
 * Lets the parts of a scalar tell each other what they know: tnum to bounds, bounds to bounds, bounds to tnum.
 * Runs after almost every change, and in exactly the steps of Linux 6.18 (stable): the result is no least fixed
 * point, so more or fewer steps would give other bounds than the kernel's.
 *
 *     tnum -> bounds     then three times: 64 -> 32 bits, u64 <-> s64, 32 -> 64 bits     then bounds -> tnum -> bounds
 */
import { hi, leS, leU, ltS, ltU, ltU32, maxU, minU } from '../memory/int64.ts'
import {
  MASK_HI,
  MASK_LO,
  S32MAX,
  S32MIN,
  SMAX_HI,
  SMAX_LO,
  SMIN_HI,
  SMIN_LO,
  U32MAX,
  U32MIN,
  UMAX_HI,
  UMAX_LO,
  UMIN_HI,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'
import { S32_MAX, S32_MIN, setConst } from './scalar.ts'

/** Set by every store that changed a bound: a round of deduction that sets nothing need not be repeated. */
let changed = false

/**
 * Tightens tnum and bounds by each other.
 * @returns true when it is certain that doing so once more would change nothing
 */
export function sync(w: Int32Array, at: number): boolean {
  if ((w[at + MASK_LO]! | w[at + MASK_HI]!) === 0 && holds(w, at, w[at + VALUE_LO]!, w[at + VALUE_HI]!)) {
    setConst(w, at, w[at + VALUE_LO]!, w[at + VALUE_HI]!)
    return true
  }
  boundsFromTnum(w, at)
  let settled = areAlike(w, at)
  let moved = false
  for (let round = 0; !settled && round < 3; round++) {
    changed = false
    deduce32From64(w, at)
    deduce32(w, at)
    deduce64(w, at)
    deduce64From32(w, at)
    if (changed) moved = true
    else settled = true
  }
  // Where neither bounds nor tnum moved, the bounds have nothing more to learn.
  if (!tnumFromBounds(w, at) && !moved) return true
  changed = false
  boundsFromTnum(w, at)
  return settled && !changed
}

/** True when the number is inside all bounds. */
function holds(w: Int32Array, at: number, lo: number, high: number): boolean {
  return (
    leU(w[at + UMIN_LO]!, w[at + UMIN_HI]!, lo, high) &&
    leU(lo, high, w[at + UMAX_LO]!, w[at + UMAX_HI]!) &&
    leS(w[at + SMIN_LO]!, w[at + SMIN_HI]!, lo, high) &&
    leS(lo, high, w[at + SMAX_LO]!, w[at + SMAX_HI]!) &&
    w[at + U32MIN]! >>> 0 <= lo >>> 0 &&
    lo >>> 0 <= w[at + U32MAX]! >>> 0 &&
    w[at + S32MIN]! <= lo &&
    lo <= w[at + S32MAX]!
  )
}

/**
 * True when no range can tell another anything, in the two commonest forms of which that is plain: u64, s64 and u32
 * are one range and so is s32, all of one sign; or they are a range of u32 across 2^31, and s32 is not bounded.
 */
function areAlike(w: Int32Array, at: number): boolean {
  const minLo = w[at + UMIN_LO]!
  const minHi = w[at + UMIN_HI]!
  const maxLo = w[at + UMAX_LO]!
  if (
    minHi !== w[at + UMAX_HI] ||
    minHi !== w[at + SMIN_HI] ||
    minHi !== w[at + SMAX_HI] ||
    minLo !== w[at + SMIN_LO] ||
    maxLo !== w[at + SMAX_LO] ||
    minLo !== w[at + U32MIN] ||
    maxLo !== w[at + U32MAX]
  ) {
    return false
  }
  const s32min = w[at + S32MIN]!
  const s32max = w[at + S32MAX]!
  if (minLo >= 0 && maxLo < 0) return minHi === 0 && s32min === S32_MIN && s32max === S32_MAX
  return minLo === s32min && maxLo === s32max && minLo <= maxLo && (minLo ^ maxLo) >= 0 && minHi === minLo >> 31
}

/** Bounds shrink to the least and greatest number of the tnum; a constant where only one number is left. */
export function boundsFromTnum(w: Int32Array, at: number): void {
  const vLo = w[at + VALUE_LO]!
  const vHi = w[at + VALUE_HI]!
  const mLo = w[at + MASK_LO]!
  const mHi = w[at + MASK_HI]!
  // Nothing known: no bound can shrink.
  if ((mLo & mHi) !== -1) {
    const topLo = vLo | mLo
    shrinkU32(w, at, vLo, topLo)
    shrinkS32(w, at, vLo | (mLo & S32_MIN), vLo | (mLo & S32_MAX))
    shrinkU64(w, at, vLo, vHi, topLo, vHi | mHi)
    shrinkS64(w, at, vLo, vHi | (mHi & S32_MIN), topLo, vHi | (mHi & S32_MAX))
  }
  if (!hasTwoLow(w, at)) applySingleValue(w, at)
}

/** True when umin is in the tnum and becomes another number of it, no more than umax, by a bit that umin lacks. */
function hasTwoLow(w: Int32Array, at: number): boolean {
  const minLo = w[at + UMIN_LO]!
  const minHi = w[at + UMIN_HI]!
  const mLo = w[at + MASK_LO]!
  const bit = mLo & -mLo & ~minLo
  if (bit === 0) return false
  if ((minLo & ~mLo) !== w[at + VALUE_LO] || (minHi & ~w[at + MASK_HI]!) !== w[at + VALUE_HI]) return false
  return leU(minLo | bit, minHi, w[at + UMAX_LO]!, w[at + UMAX_HI]!)
}

/** Where [umin, umax] and the tnum have just one number in common, the scalar is that constant. */
function applySingleValue(w: Int32Array, at: number): void {
  const minLo = w[at + UMIN_LO]!
  const minHi = w[at + UMIN_HI]!
  const maxLo = w[at + UMAX_LO]!
  const maxHi = w[at + UMAX_HI]!
  const vLo = w[at + VALUE_LO]!
  const vHi = w[at + VALUE_HI]!
  const mLo = w[at + MASK_LO]!
  const mHi = w[at + MASK_HI]!
  const minInTnum = (minLo & ~mLo) === vLo && (minHi & ~mHi) === vHi
  const lo = nextInTnum(vLo, vHi, mLo, mHi, minLo, minHi)
  const high = nextHi
  if (minInTnum) {
    if (ltU(maxLo, maxHi, lo, high)) becomeConst(w, at, minLo, minHi)
    return
  }
  if (lo !== (vLo | mLo) || high !== (vHi | mHi)) {
    if (ltU(maxLo, maxHi, lo, high)) return
    const after = nextInTnum(vLo, vHi, mLo, mHi, lo, high)
    if (!ltU(maxLo, maxHi, after, nextHi)) return
  }
  becomeConst(w, at, lo, high)
}

function becomeConst(w: Int32Array, at: number, lo: number, high: number): void {
  setConst(w, at, lo, high)
  changed = true
}

/** High half of the last result of `nextInTnum`. */
export let nextHi = 0

/**
 * The least number of the tnum (v, m) above the u64 z, or its greatest one where none is above. With y = z + 1:
 *
 *     bits of y    [ as the tnum allows ][ p ][ anything ]     p = highest bit where y is not what is known
 *
 * If the tnum has 1 at p, the bits above stay and those below become the least. If it has 0, the lowest unknown bit
 * above p that is 0 in y becomes 1, with the least below it; as y is no more than v | m, there is one.
 */
export function nextInTnum(vLo: number, vHi: number, mLo: number, mHi: number, zLo: number, zHi: number): number {
  if (leU(vLo | mLo, vHi | mHi, zLo, zHi)) {
    nextHi = vHi | mHi
    return vLo | mLo
  }
  const yLo = (zLo + 1) | 0
  const yHi = (zHi + (yLo === 0 ? 1 : 0)) | 0
  const wrongLo = (yLo ^ vLo) & ~mLo
  const wrongHi = (yHi ^ vHi) & ~mHi
  // All ones from bit p down; none when y itself is in the tnum.
  const belowHi = ones(wrongHi)
  const belowLo = wrongHi === 0 ? ones(wrongLo) : -1
  const isOne = ((vHi & (belowHi ^ (belowHi >>> 1))) | (wrongHi === 0 ? vLo & (belowLo ^ (belowLo >>> 1)) : 0)) !== 0
  if (isOne || (wrongLo | wrongHi) === 0) {
    nextHi = (yHi & ~belowHi) | (vHi & belowHi)
    return (yLo & ~belowLo) | (vLo & belowLo)
  }
  const freeLo = mLo & ~yLo & ~belowLo
  const freeHi = mHi & ~yHi & ~belowHi
  if (freeLo === 0) {
    const bit = freeHi & -freeHi
    nextHi = (yHi & -bit) | bit | (vHi & (bit - 1))
    return vLo
  }
  const bit = freeLo & -freeLo
  nextHi = yHi
  return (yLo & -bit) | bit | (vLo & (bit - 1))
}

/** Ones from the highest one of `x` down. */
function ones(x: number): number {
  return x === 0 ? 0 : (-1 >>> Math.clz32(x)) | 0
}

/** The low half, where the 64-bit bounds say something of it alone. */
function deduce32From64(w: Int32Array, at: number): void {
  const umin = w[at + UMIN_LO]!
  const umax = w[at + UMAX_LO]!
  const uminHi = w[at + UMIN_HI]!
  const umaxHi = w[at + UMAX_HI]!
  const smin = w[at + SMIN_LO]!
  const smax = w[at + SMAX_LO]!
  const sminHi = w[at + SMIN_HI]!
  const smaxHi = w[at + SMAX_HI]!
  if (uminHi === umaxHi) {
    shrinkU32(w, at, umin, umax)
    if (umin <= umax) shrinkS32(w, at, umin, umax)
  }
  if (sminHi === smaxHi) {
    if (!ltU32(smax, smin)) shrinkU32(w, at, smin, smax)
    if (smin <= smax) shrinkS32(w, at, smin, smax)
  }
  // Upper halves one apart: the low half runs from a negative number over 0 to one that is not.
  if (((uminHi + 1) | 0) === umaxHi && umin < 0 && umax >= 0) shrinkS32(w, at, umin, umax)
  if (((sminHi + 1) | 0) === smaxHi && smin < 0 && smax >= 0) shrinkS32(w, at, smin, smax)
}

/** u32 and s32 bounds tell each other. */
function deduce32(w: Int32Array, at: number): void {
  if (w[at + U32MIN]! <= w[at + U32MAX]!) shrinkS32(w, at, w[at + U32MIN]!, w[at + U32MAX]!)
  const smin = w[at + S32MIN]!
  const smax = w[at + S32MAX]!
  if (!ltU32(smax, smin)) {
    shrinkU32(w, at, smin, smax)
    return
  }
  // The signed range crosses 0; the unsigned one may lie in just one of its two parts.
  const umin = w[at + U32MIN]!
  const umax = w[at + U32MAX]!
  if (ltU32(umax, smin)) {
    put(w, at + S32MIN, umin)
    if (ltU32(smax, umax)) put(w, at + U32MAX, smax)
  } else if (ltU32(smax, umin)) {
    put(w, at + S32MAX, umax)
    if (ltU32(umin, smin)) put(w, at + U32MIN, smin)
  }
}

/** u64 and s64 bounds tell each other, in the same way. */
function deduce64(w: Int32Array, at: number): void {
  const uminLo = w[at + UMIN_LO]!
  const uminHi = w[at + UMIN_HI]!
  const umaxLo = w[at + UMAX_LO]!
  const umaxHi = w[at + UMAX_HI]!
  if (!ltS(umaxLo, umaxHi, uminLo, uminHi)) shrinkS64(w, at, uminLo, uminHi, umaxLo, umaxHi)
  const sminLo = w[at + SMIN_LO]!
  const sminHi = w[at + SMIN_HI]!
  const smaxLo = w[at + SMAX_LO]!
  const smaxHi = w[at + SMAX_HI]!
  if (!ltU(smaxLo, smaxHi, sminLo, sminHi)) {
    shrinkU64(w, at, sminLo, sminHi, smaxLo, smaxHi)
    return
  }
  if (ltU(umaxLo, umaxHi, sminLo, sminHi)) {
    put64(w, at + SMIN_LO, uminLo, uminHi)
    put64(w, at + UMAX_LO, minU(umaxLo, umaxHi, smaxLo, smaxHi), hi)
  } else if (ltU(smaxLo, smaxHi, uminLo, uminHi)) {
    put64(w, at + SMAX_LO, umaxLo, umaxHi)
    put64(w, at + UMIN_LO, maxU(uminLo, uminHi, sminLo, sminHi), hi)
  }
}

/** The 64-bit bounds, where the upper half is known well enough for the low half's bounds to tell. */
function deduce64From32(w: Int32Array, at: number): void {
  const u32min = w[at + U32MIN]!
  const u32max = w[at + U32MAX]!
  shrinkU64(w, at, u32min, w[at + UMIN_HI]!, u32max, w[at + UMAX_HI]!)
  shrinkS64(w, at, u32min, w[at + SMIN_HI]!, u32max, w[at + SMAX_HI]!)
  const s32min = w[at + S32MIN]!
  if (s32min < 0) return
  // Low halves that are not negative, of a number that fits s32: the number is its low half.
  const fitsBelow = !ltS(w[at + SMIN_LO]!, w[at + SMIN_HI]!, S32_MIN, -1)
  const fitsAbove = !ltS(S32_MAX, 0, w[at + SMAX_LO]!, w[at + SMAX_HI]!)
  if (!fitsBelow || !fitsAbove) return
  const s32max = w[at + S32MAX]!
  put64(w, at + SMIN_LO, s32min, s32min >> 31)
  put64(w, at + SMAX_LO, s32max, s32max >> 31)
  put64(w, at + UMIN_LO, s32min, s32min >> 31)
  put64(w, at + UMAX_LO, s32max, s32max >> 31)
  if (intersectWithRange(w, at, s32min, s32min >> 31, s32max, s32max >> 31)) changed = true
}

/** The tnum loses what lies outside the unsigned range [min, max]. True if it changed. */
function intersectWithRange(
  w: Int32Array,
  at: number,
  minLo: number,
  minHi: number,
  maxLo: number,
  maxHi: number,
): boolean {
  // The bits that differ within the range: all from the highest one that differs between its ends.
  const openHi = ones(minHi ^ maxHi)
  const openLo = openHi === 0 ? ones(minLo ^ maxLo) : -1
  const low = intersectWord(w, at + VALUE_LO, minLo, openLo)
  return intersectWord(w, at + VALUE_HI, minHi, openHi) || low
}

/** One half of the tnum, its value at `i` and its mask two words on: bits that are not open are those of `min`. */
function intersectWord(w: Int32Array, i: number, min: number, open: number): boolean {
  const value = w[i]!
  const mask = w[i + 2]!
  const newMask = mask & open
  const newValue = (value | (min & ~open)) & ~newMask
  w[i] = newValue
  w[i + 2] = newMask
  return newValue !== value || newMask !== mask
}

/** The tnum loses what lies outside the unsigned bounds, of the whole and then of the low half. True if it changed. */
function tnumFromBounds(w: Int32Array, at: number): boolean {
  const whole = intersectWithRange(w, at, w[at + UMIN_LO]!, w[at + UMIN_HI]!, w[at + UMAX_LO]!, w[at + UMAX_HI]!)
  const min = w[at + U32MIN]!
  return intersectWord(w, at + VALUE_LO, min, ones(min ^ w[at + U32MAX]!)) || whole
}

function put(w: Int32Array, i: number, value: number): void {
  if (w[i] === value) return
  w[i] = value
  changed = true
}

function put64(w: Int32Array, i: number, lo: number, high: number): void {
  put(w, i, lo)
  put(w, i + 1, high)
}

function shrinkU32(w: Int32Array, at: number, min: number, max: number): void {
  if (ltU32(w[at + U32MIN]!, min)) put(w, at + U32MIN, min)
  if (ltU32(max, w[at + U32MAX]!)) put(w, at + U32MAX, max)
}

function shrinkS32(w: Int32Array, at: number, min: number, max: number): void {
  if (w[at + S32MIN]! < min) put(w, at + S32MIN, min)
  if (max < w[at + S32MAX]!) put(w, at + S32MAX, max)
}

function shrinkU64(w: Int32Array, at: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  if (ltU(w[at + UMIN_LO]!, w[at + UMIN_HI]!, minLo, minHi)) put64(w, at + UMIN_LO, minLo, minHi)
  if (ltU(maxLo, maxHi, w[at + UMAX_LO]!, w[at + UMAX_HI]!)) put64(w, at + UMAX_LO, maxLo, maxHi)
}

function shrinkS64(w: Int32Array, at: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  if (ltS(w[at + SMIN_LO]!, w[at + SMIN_HI]!, minLo, minHi)) put64(w, at + SMIN_LO, minLo, minHi)
  if (ltS(maxLo, maxHi, w[at + SMAX_LO]!, w[at + SMAX_HI]!)) put64(w, at + SMAX_LO, maxLo, maxHi)
}
