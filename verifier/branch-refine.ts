/**
 * What the outcome of a conditional jump tells of its two scalar operands. Both are synced afterwards.
 *
 *     a == b    both become what they have in common        a < b    a.max <= b.max - 1, b.min >= a.min + 1
 *     a != c    a bound of a that is c moves inwards        a & c    a bit is known
 *
 * `a` and `b` may be the same register, which then plays both roles in turn, as in the kernel. Source: Linux 6.18.
 */
import { Op } from '../isa/table.ts'
import { add, hi, leS, leU, ltS, ltU, maxS, maxU, minS, minU } from '../memory/int64.ts'
import {
  MASK_HI,
  MASK_LO,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'
import { setUnbounded } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { tnumIntersect } from './tnum.ts'

/**
 * Makes `a` and `b` what they are where `a op b` came out as `outcome`. Both are written and synced, a constant
 * too (its copy in a scratch register: refill it for the next use). On an outcome that cannot be, bounds may end up
 * empty: checkInvariants tells.
 */
export function refine(w: Int32Array, a: number, b: number, op: Op, width: 32 | 64, outcome: boolean): void {
  switch (op) {
    case Op.JEQ:
      refineEquality(w, a, b, width, outcome)
      break
    case Op.JNE:
      refineEquality(w, a, b, width, !outcome)
      break
    case Op.JSET:
      refineSet(w, a, b, width, outcome)
      break
    case Op.JLT:
      refineOrder(w, a, b, width, outcome, ORDER_U)
      break
    case Op.JGE:
      refineOrder(w, a, b, width, !outcome, ORDER_U)
      break
    case Op.JGT:
      refineOrder(w, b, a, width, outcome, ORDER_U)
      break
    case Op.JLE:
      refineOrder(w, b, a, width, !outcome, ORDER_U)
      break
    case Op.JSLT:
      refineOrder(w, a, b, width, outcome, ORDER_S)
      break
    case Op.JSGE:
      refineOrder(w, a, b, width, !outcome, ORDER_S)
      break
    case Op.JSGT:
      refineOrder(w, b, a, width, outcome, ORDER_S)
      break
    case Op.JSLE:
      refineOrder(w, b, a, width, !outcome, ORDER_S)
      break
    default:
      return
  }
  sync(w, a)
  sync(w, b)
}

function isKnown(w: Int32Array, at: number, width: 32 | 64): boolean {
  return w[at + MASK_LO] === 0 && (width === 32 || w[at + MASK_HI] === 0)
}

function refineEquality(w: Int32Array, a: number, b: number, width: 32 | 64, equal: boolean): void {
  if (equal) {
    if (width === 32) makeEqual32(w, a, b)
    else makeEqual64(w, a, b)
    return
  }
  const c = isKnown(w, a, width) ? a : b
  const other = c === a ? b : a
  if (!isKnown(w, c, width)) return
  if (width === 32) excludeValue32(w, other, w[c + VALUE_LO]!)
  else excludeValue64(w, other, w[c + VALUE_LO]!, w[c + VALUE_HI]!)
}

function makeEqual32(w: Int32Array, a: number, b: number): void {
  const umin = Math.max(w[a + U32MIN]! >>> 0, w[b + U32MIN]! >>> 0)
  const umax = Math.min(w[a + U32MAX]! >>> 0, w[b + U32MAX]! >>> 0)
  const smin = Math.max(w[a + S32MIN]!, w[b + S32MIN]!)
  const smax = Math.min(w[a + S32MAX]!, w[b + S32MAX]!)
  const mask = w[a + MASK_LO]! & w[b + MASK_LO]!
  const value = (w[a + VALUE_LO]! | w[b + VALUE_LO]!) & ~mask
  storeLow(w, a, umin, umax, smin, smax, value, mask)
  storeLow(w, b, umin, umax, smin, smax, value, mask)
}

function storeLow(
  w: Int32Array,
  at: number,
  umin: number,
  umax: number,
  smin: number,
  smax: number,
  value: number,
  mask: number,
): void {
  w[at + U32MIN] = umin
  w[at + U32MAX] = umax
  w[at + S32MIN] = smin
  w[at + S32MAX] = smax
  w[at + VALUE_LO] = value
  w[at + MASK_LO] = mask
}

function makeEqual64(w: Int32Array, a: number, b: number): void {
  w[a + UMIN_LO] = maxU(w[a + UMIN_LO]!, w[a + UMIN_LO + 1]!, w[b + UMIN_LO]!, w[b + UMIN_LO + 1]!)
  w[a + UMIN_LO + 1] = hi
  w[a + UMAX_LO] = minU(w[a + UMAX_LO]!, w[a + UMAX_LO + 1]!, w[b + UMAX_LO]!, w[b + UMAX_LO + 1]!)
  w[a + UMAX_LO + 1] = hi
  w[a + SMIN_LO] = maxS(w[a + SMIN_LO]!, w[a + SMIN_LO + 1]!, w[b + SMIN_LO]!, w[b + SMIN_LO + 1]!)
  w[a + SMIN_LO + 1] = hi
  w[a + SMAX_LO] = minS(w[a + SMAX_LO]!, w[a + SMAX_LO + 1]!, w[b + SMAX_LO]!, w[b + SMAX_LO + 1]!)
  w[a + SMAX_LO + 1] = hi
  tnumIntersect(w, a + VALUE_LO, a + VALUE_LO, b + VALUE_LO)
  // Tnum and 64-bit bounds; the 32-bit ones follow in the sync.
  for (let i = VALUE_LO; i < S32MIN; i++) w[b + i] = w[a + i]!
}

function excludeValue32(w: Int32Array, at: number, value: number): void {
  if (w[at + U32MIN] === value) w[at + U32MIN] = value + 1
  if (w[at + U32MAX] === value) w[at + U32MAX] = value - 1
  if (w[at + S32MIN] === value) w[at + S32MIN] = value + 1
  if (w[at + S32MAX] === value) w[at + S32MAX] = value - 1
}

function excludeValue64(w: Int32Array, at: number, lo: number, high: number): void {
  moveIfEqual(w, at + UMIN_LO, lo, high, 1)
  moveIfEqual(w, at + UMAX_LO, lo, high, -1)
  moveIfEqual(w, at + SMIN_LO, lo, high, 1)
  moveIfEqual(w, at + SMAX_LO, lo, high, -1)
}

function moveIfEqual(w: Int32Array, i: number, lo: number, high: number, by: 1 | -1): void {
  if (w[i] !== lo || w[i + 1] !== high) return
  w[i] = add(lo, high, by, by >> 31)
  w[i + 1] = hi
}

function refineSet(w: Int32Array, a: number, b: number, width: 32 | 64, set: boolean): void {
  const c = isKnown(w, a, width) ? a : b
  const other = c === a ? b : a
  if (!isKnown(w, c, width)) return
  const lo = w[c + VALUE_LO]!
  const high = width === 32 ? 0 : w[c + VALUE_HI]!
  if (!set) {
    // None of the bits is one. The kernel forgets the ranges here.
    setUnbounded(w, other)
    w[other + VALUE_LO] = w[other + VALUE_LO]! & ~lo
    w[other + VALUE_HI] = w[other + VALUE_HI]! & ~high
  } else {
    // Of several bits any one may be meant.
    if (!isPowerOfTwo(lo, high)) return
    w[other + VALUE_LO] = w[other + VALUE_LO]! | lo
    w[other + VALUE_HI] = w[other + VALUE_HI]! | high
  }
  w[other + MASK_LO] = w[other + MASK_LO]! & ~lo
  w[other + MASK_HI] = w[other + MASK_HI]! & ~high
}

function isPowerOfTwo(lo: number, high: number): boolean {
  return lo === 0 ? high !== 0 && (high & (high - 1)) === 0 : high === 0 && (lo & (lo - 1)) === 0
}

const ORDER_U = false
const ORDER_S = true

/** a < b where `less`, else b <= a. */
function refineOrder(w: Int32Array, a: number, b: number, width: 32 | 64, less: boolean, signed: boolean): void {
  const small = less ? a : b
  const large = less ? b : a
  const gap = less ? 1 : 0
  if (width === 32) {
    if (signed) orderS32(w, small, large, gap)
    else orderU32(w, small, large, gap)
  } else if (signed) {
    orderS64(w, small + SMIN_LO, small + SMAX_LO, large + SMIN_LO, large + SMAX_LO, gap)
  } else {
    orderU64(w, small + UMIN_LO, small + UMAX_LO, large + UMIN_LO, large + UMAX_LO, gap)
  }
}

function orderU32(w: Int32Array, small: number, large: number, gap: number): void {
  const max = (w[large + U32MAX]! - gap) >>> 0
  if (max < w[small + U32MAX]! >>> 0) w[small + U32MAX] = max
  const min = (w[small + U32MIN]! + gap) >>> 0
  if (min > w[large + U32MIN]! >>> 0) w[large + U32MIN] = min
}

function orderS32(w: Int32Array, small: number, large: number, gap: number): void {
  const max = (w[large + S32MAX]! - gap) | 0
  if (max < w[small + S32MAX]!) w[small + S32MAX] = max
  const min = (w[small + S32MIN]! + gap) | 0
  if (min > w[large + S32MIN]!) w[large + S32MIN] = min
}

/** The arguments are places of bounds: of the smaller number, then of the larger. */
function orderU64(w: Int32Array, sMin: number, sMax: number, lMin: number, lMax: number, gap: number): void {
  const maxLo = add(w[lMax]!, w[lMax + 1]!, -gap, -gap >> 31)
  const maxHi = hi
  if (ltU(maxLo, maxHi, w[sMax]!, w[sMax + 1]!)) {
    w[sMax] = maxLo
    w[sMax + 1] = maxHi
  }
  const minLo = add(w[sMin]!, w[sMin + 1]!, gap, 0)
  const minHi = hi
  if (!leU(minLo, minHi, w[lMin]!, w[lMin + 1]!)) {
    w[lMin] = minLo
    w[lMin + 1] = minHi
  }
}

function orderS64(w: Int32Array, sMin: number, sMax: number, lMin: number, lMax: number, gap: number): void {
  const maxLo = add(w[lMax]!, w[lMax + 1]!, -gap, -gap >> 31)
  const maxHi = hi
  if (ltS(maxLo, maxHi, w[sMax]!, w[sMax + 1]!)) {
    w[sMax] = maxLo
    w[sMax + 1] = maxHi
  }
  const minLo = add(w[sMin]!, w[sMin + 1]!, gap, 0)
  const minHi = hi
  if (!leS(minLo, minHi, w[lMin]!, w[lMin + 1]!)) {
    w[lMin] = minLo
    w[lMin + 1] = minHi
  }
}
