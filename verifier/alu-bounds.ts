/**
 * What an operation does to the eight bounds of `d`, given those of `s`: one function an operation, without the sync
 * that follows (alu.ts). `d` and `s` may be the same register, so each pair of bounds is read before it is written.
 */

import { Op } from '../isa/table.ts'
import {
  add,
  hi,
  ltS,
  ltU,
  maxU,
  minU,
  mul,
  mulOverflowsS,
  mulOverflowsU,
  sar,
  shl,
  shr,
  sub,
} from '../memory/int64.ts'
import {
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
  VALUE_LO,
} from './layout.ts'
import {
  isConst,
  isConst32,
  S32_MAX,
  S32_MIN,
  setUnbounded32,
  setUnbounded64,
  setUnboundedS64,
  setUnboundedU64,
} from './scalar.ts'
import { boundsFromTnum } from './scalar-sync.ts'

const TWO_32 = 2 ** 32

/** a + s, with the result in d, which may be either */
export function addBounds(w: Int32Array, d: number, a: number, s: number): void {
  addBounds64(w, d, a, s)
  storeS32(w, d, w[a + S32MIN]! + w[s + S32MIN]!, w[a + S32MAX]! + w[s + S32MAX]!)
  const min = (w[a + U32MIN]! >>> 0) + (w[s + U32MIN]! >>> 0)
  const max = (w[a + U32MAX]! >>> 0) + (w[s + U32MAX]! >>> 0)
  // Both sums wrapped, or neither: still a range.
  const torn = max >= TWO_32 && min < TWO_32
  w[d + U32MIN] = torn ? 0 : min
  w[d + U32MAX] = torn ? -1 : max
}

function addBounds64(w: Int32Array, d: number, a: number, s: number): void {
  const sminLo = add(w[a + SMIN_LO]!, w[a + SMIN_HI]!, w[s + SMIN_LO]!, w[s + SMIN_HI]!)
  const sminHi = hi
  const smaxLo = add(w[a + SMAX_LO]!, w[a + SMAX_HI]!, w[s + SMAX_LO]!, w[s + SMAX_HI]!)
  const smaxHi = hi
  // An overflow: the sum's sign is that of neither operand.
  const minOver = (sminHi ^ w[a + SMIN_HI]!) & (sminHi ^ w[s + SMIN_HI]!)
  const maxOver = (smaxHi ^ w[a + SMAX_HI]!) & (smaxHi ^ w[s + SMAX_HI]!)
  if ((minOver | maxOver) < 0) setUnboundedS64(w, d)
  else storeS64(w, d, sminLo, sminHi, smaxLo, smaxHi)

  const uminLo = add(w[a + UMIN_LO]!, w[a + UMIN_HI]!, w[s + UMIN_LO]!, w[s + UMIN_HI]!)
  const uminHi = hi
  const umaxLo = add(w[a + UMAX_LO]!, w[a + UMAX_HI]!, w[s + UMAX_LO]!, w[s + UMAX_HI]!)
  const umaxHi = hi
  const minCarry = ltU(uminLo, uminHi, w[s + UMIN_LO]!, w[s + UMIN_HI]!)
  const maxCarry = ltU(umaxLo, umaxHi, w[s + UMAX_LO]!, w[s + UMAX_HI]!)
  if (maxCarry && !minCarry) setUnboundedU64(w, d)
  else storeU64(w, d, uminLo, uminHi, umaxLo, umaxHi)
}

/** a - s, with the result in d, which may be either */
export function subBounds(w: Int32Array, d: number, a: number, s: number): void {
  subBounds64(w, d, a, s)
  storeS32(w, d, w[a + S32MIN]! - w[s + S32MAX]!, w[a + S32MAX]! - w[s + S32MIN]!)
  const min = (w[a + U32MIN]! >>> 0) - (w[s + U32MAX]! >>> 0)
  const max = (w[a + U32MAX]! >>> 0) - (w[s + U32MIN]! >>> 0)
  const torn = min < 0 && max >= 0
  w[d + U32MIN] = torn ? 0 : min
  w[d + U32MAX] = torn ? -1 : max
}

function subBounds64(w: Int32Array, d: number, a: number, s: number): void {
  const sminLo = sub(w[a + SMIN_LO]!, w[a + SMIN_HI]!, w[s + SMAX_LO]!, w[s + SMAX_HI]!)
  const sminHi = hi
  const smaxLo = sub(w[a + SMAX_LO]!, w[a + SMAX_HI]!, w[s + SMIN_LO]!, w[s + SMIN_HI]!)
  const smaxHi = hi
  const minOver = (w[a + SMIN_HI]! ^ w[s + SMAX_HI]!) & (w[a + SMIN_HI]! ^ sminHi)
  const maxOver = (w[a + SMAX_HI]! ^ w[s + SMIN_HI]!) & (w[a + SMAX_HI]! ^ smaxHi)
  if ((minOver | maxOver) < 0) setUnboundedS64(w, d)
  else storeS64(w, d, sminLo, sminHi, smaxLo, smaxHi)

  const minBorrow = ltU(w[a + UMIN_LO]!, w[a + UMIN_HI]!, w[s + UMAX_LO]!, w[s + UMAX_HI]!)
  const maxBorrow = ltU(w[a + UMAX_LO]!, w[a + UMAX_HI]!, w[s + UMIN_LO]!, w[s + UMIN_HI]!)
  const uminLo = sub(w[a + UMIN_LO]!, w[a + UMIN_HI]!, w[s + UMAX_LO]!, w[s + UMAX_HI]!)
  const uminHi = hi
  const umaxLo = sub(w[a + UMAX_LO]!, w[a + UMAX_HI]!, w[s + UMIN_LO]!, w[s + UMIN_HI]!)
  if (minBorrow && !maxBorrow) setUnboundedU64(w, d)
  else storeU64(w, d, uminLo, uminHi, umaxLo, hi)
}

/** d * s */
export function mulBounds(w: Int32Array, d: number, s: number): void {
  mulBoundsU64(w, d, s)
  mulBoundsS64(w, d, s)
  const min = (w[d + U32MIN]! >>> 0) * (w[s + U32MIN]! >>> 0)
  const max = (w[d + U32MAX]! >>> 0) * (w[s + U32MAX]! >>> 0)
  const over = min >= TWO_32 || max >= TWO_32
  w[d + U32MIN] = over ? 0 : min
  w[d + U32MAX] = over ? -1 : max
  const p = w[d + S32MIN]! * w[s + S32MIN]!
  const q = w[d + S32MIN]! * w[s + S32MAX]!
  const r = w[d + S32MAX]! * w[s + S32MIN]!
  const t = w[d + S32MAX]! * w[s + S32MAX]!
  storeS32(w, d, Math.min(p, q, r, t), Math.max(p, q, r, t))
}

function mulBoundsU64(w: Int32Array, d: number, s: number): void {
  const aLo = w[d + UMIN_LO]!
  const aHi = w[d + UMIN_HI]!
  const bLo = w[d + UMAX_LO]!
  const bHi = w[d + UMAX_HI]!
  const sMaxLo = w[s + UMAX_LO]!
  const sMaxHi = w[s + UMAX_HI]!
  if (mulOverflowsU(bLo, bHi, sMaxLo, sMaxHi) || mulOverflowsU(aLo, aHi, w[s + UMIN_LO]!, w[s + UMIN_HI]!)) {
    setUnboundedU64(w, d)
    return
  }
  const minLo = mul(aLo, aHi, w[s + UMIN_LO]!, w[s + UMIN_HI]!)
  const minHi = hi
  const maxLo = mul(bLo, bHi, sMaxLo, sMaxHi)
  storeU64(w, d, minLo, minHi, maxLo, hi)
}

/** The least and the greatest of the four products of bounds. */
function mulBoundsS64(w: Int32Array, d: number, s: number): void {
  if (isPositiveRange(w, d) && isPositiveRange(w, s)) {
    mulPositiveBounds(w, d, s)
    return
  }
  let minLo = -1
  let minHi = S32_MAX
  let maxLo = 0
  let maxHi = S32_MIN
  for (let i = d + SMIN_LO; i <= d + SMAX_LO; i += 2) {
    for (let j = s + SMIN_LO; j <= s + SMAX_LO; j += 2) {
      if (mulOverflowsS(w[i]!, w[i + 1]!, w[j]!, w[j + 1]!)) {
        setUnboundedS64(w, d)
        return
      }
      const lo = mul(w[i]!, w[i + 1]!, w[j]!, w[j + 1]!)
      const high = hi
      if (ltS(lo, high, minLo, minHi)) {
        minLo = lo
        minHi = high
      }
      if (ltS(maxLo, maxHi, lo, high)) {
        maxLo = lo
        maxHi = high
      }
    }
  }
  storeS64(w, d, minLo, minHi, maxLo, maxHi)
}

/** 0 <= smin <= smax */
function isPositiveRange(w: Int32Array, at: number): boolean {
  return w[at + SMIN_HI]! >= 0 && !ltS(w[at + SMAX_LO]!, w[at + SMAX_HI]!, w[at + SMIN_LO]!, w[at + SMIN_HI]!)
}

/** Of numbers that are not negative the products of the bounds are in order, and only the greatest can overflow. */
function mulPositiveBounds(w: Int32Array, d: number, s: number): void {
  if (mulOverflowsS(w[d + SMAX_LO]!, w[d + SMAX_HI]!, w[s + SMAX_LO]!, w[s + SMAX_HI]!)) {
    setUnboundedS64(w, d)
    return
  }
  const minLo = mul(w[d + SMIN_LO]!, w[d + SMIN_HI]!, w[s + SMIN_LO]!, w[s + SMIN_HI]!)
  const minHi = hi
  const maxLo = mul(w[d + SMAX_LO]!, w[d + SMAX_HI]!, w[s + SMAX_LO]!, w[s + SMAX_HI]!)
  storeS64(w, d, minLo, minHi, maxLo, hi)
}

/**
 * d & s, d | s or d ^ s. The tnum of `d` is that of the result already; `known64` and `known32` say whether both
 * operands were constants, of which the tnum tells all.
 */
export function bitwiseBounds(w: Int32Array, d: number, s: number, op: Op, known64: boolean, known32: boolean): void {
  const v = w[d + VALUE_LO]!
  const top = v | w[d + VALUE_LO + 2]!
  if (known32) {
    w[d + U32MIN] = v
    w[d + U32MAX] = v
  } else if (op === Op.AND) {
    w[d + U32MIN] = v
    w[d + U32MAX] = Math.min(w[d + U32MAX]! >>> 0, w[s + U32MAX]! >>> 0)
  } else {
    w[d + U32MIN] = op === Op.OR ? Math.max(w[d + U32MIN]! >>> 0, w[s + U32MIN]! >>> 0) : v
    w[d + U32MAX] = top
  }
  const ordered = w[d + U32MIN]! <= w[d + U32MAX]!
  w[d + S32MIN] = ordered ? w[d + U32MIN]! : S32_MIN
  w[d + S32MAX] = ordered ? w[d + U32MAX]! : S32_MAX
  bitwiseBounds64(w, d, s, op, known64)
}

function bitwiseBounds64(w: Int32Array, d: number, s: number, op: Op, known: boolean): void {
  const vLo = w[d + VALUE_LO]!
  const vHi = w[d + VALUE_LO + 1]!
  if (known) {
    storeU64(w, d, vLo, vHi, vLo, vHi)
    storeS64(w, d, vLo, vHi, vLo, vHi)
    return
  }
  if (op === Op.AND) {
    const maxLo = minU(w[d + UMAX_LO]!, w[d + UMAX_HI]!, w[s + UMAX_LO]!, w[s + UMAX_HI]!)
    storeU64(w, d, vLo, vHi, maxLo, hi)
  } else {
    const minLo = op === Op.OR ? maxU(w[d + UMIN_LO]!, w[d + UMIN_HI]!, w[s + UMIN_LO]!, w[s + UMIN_HI]!) : vLo
    const minHi = op === Op.OR ? hi : vHi
    storeU64(w, d, minLo, minHi, vLo | w[d + VALUE_LO + 2]!, vHi | w[d + VALUE_LO + 3]!)
  }
  if (ltS(w[d + UMAX_LO]!, w[d + UMAX_HI]!, w[d + UMIN_LO]!, w[d + UMIN_HI]!)) setUnboundedS64(w, d)
  else storeS64(w, d, w[d + UMIN_LO]!, w[d + UMIN_HI]!, w[d + UMAX_LO]!, w[d + UMAX_HI]!)
  boundsFromTnum(w, d)
}

/** The 32-bit bounds of d << n; nothing is known of the signed ones. */
export function lshBounds32(w: Int32Array, d: number, n: number): void {
  const min = w[d + U32MIN]!
  const max = w[d + U32MAX]!
  setUnbounded32(w, d)
  if (n > 31 || max >>> 0 > 2 ** (31 - n)) return
  w[d + U32MIN] = min << n
  w[d + U32MAX] = max << n
}

/** d << n, 0 <= n < 64 */
export function lshBounds64(w: Int32Array, d: number, n: number): void {
  // A shift by 32 puts the low half, sign and all, into the upper one.
  if (n === 32) storeS64(w, d, 0, w[d + S32MIN]!, 0, w[d + S32MAX]!)
  else setUnboundedS64(w, d)
  const limitLo = shl(1, 0, 63 - n)
  if (ltU(limitLo, hi, w[d + UMAX_LO]!, w[d + UMAX_HI]!)) {
    setUnboundedU64(w, d)
  } else {
    const minLo = shl(w[d + UMIN_LO]!, w[d + UMIN_HI]!, n)
    const minHi = hi
    const maxLo = shl(w[d + UMAX_LO]!, w[d + UMAX_HI]!, n)
    storeU64(w, d, minLo, minHi, maxLo, hi)
  }
  lshBounds32(w, d, n)
}

/** The 32-bit bounds of d >>> n. */
export function rshBounds32(w: Int32Array, d: number, n: number): void {
  const min = w[d + U32MIN]! >>> n
  const max = w[d + U32MAX]! >>> n
  setUnbounded32(w, d)
  w[d + U32MIN] = min
  w[d + U32MAX] = max
}

/** d >>> n, 0 <= n < 64; nothing is known of the low half. */
export function rshBounds64(w: Int32Array, d: number, n: number): void {
  const minLo = shr(w[d + UMIN_LO]!, w[d + UMIN_HI]!, n)
  const minHi = hi
  const maxLo = shr(w[d + UMAX_LO]!, w[d + UMAX_HI]!, n)
  storeU64(w, d, minLo, minHi, maxLo, hi)
  setUnboundedS64(w, d)
  setUnbounded32(w, d)
}

/** The 32-bit bounds of d >> n. */
export function arshBounds32(w: Int32Array, d: number, n: number): void {
  const min = w[d + S32MIN]! >> n
  const max = w[d + S32MAX]! >> n
  setUnbounded32(w, d)
  w[d + S32MIN] = min
  w[d + S32MAX] = max
}

/** d >> n, 0 <= n < 64; nothing is known of the low half. */
export function arshBounds64(w: Int32Array, d: number, n: number): void {
  const minLo = sar(w[d + SMIN_LO]!, w[d + SMIN_HI]!, n)
  const minHi = hi
  const maxLo = sar(w[d + SMAX_LO]!, w[d + SMAX_HI]!, n)
  const maxHi = hi
  setUnbounded64(w, d)
  storeS64(w, d, minLo, minHi, maxLo, maxHi)
  setUnbounded32(w, d)
}

/** True when both are constants. */
export function bothConst(w: Int32Array, a: number, b: number): boolean {
  return isConst(w, a) && isConst(w, b)
}

/** True when the low halves of both are constants. */
export function bothConst32(w: Int32Array, a: number, b: number): boolean {
  return isConst32(w, a) && isConst32(w, b)
}

function storeS64(w: Int32Array, d: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  w[d + SMIN_LO] = minLo
  w[d + SMIN_HI] = minHi
  w[d + SMAX_LO] = maxLo
  w[d + SMAX_HI] = maxHi
}

function storeU64(w: Int32Array, d: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  w[d + UMIN_LO] = minLo
  w[d + UMIN_HI] = minHi
  w[d + UMAX_LO] = maxLo
  w[d + UMAX_HI] = maxHi
}

/** Stores signed 32-bit bounds given as exact numbers; unbounded where one is no s32. */
function storeS32(w: Int32Array, d: number, min: number, max: number): void {
  const over = min < S32_MIN || min > S32_MAX || max < S32_MIN || max > S32_MAX
  w[d + S32MIN] = over ? S32_MIN : min
  w[d + S32MAX] = over ? S32_MAX : max
}
