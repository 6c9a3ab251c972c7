/**
 * Tristate numbers: which bits of a 64-bit value are known. Four words of an Int32Array:
 *
 *     at + 0     +1         +2        +3
 *     value lo   value hi   mask lo   mask hi
 *
 * A mask bit of 1 means that the bit is unknown; its value bit is then 0. The tnum stands for every number that
 * agrees with `value` outside `mask`. In a register record it starts at VALUE_LO.
 *
 * Operations take the index of the result first and then of the operands, in the same array; the result may be an
 * operand. Source: Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers"
 * (CGO 2022), with the multiplication of Linux 6.18.
 */
import { add, ctz32, hi, mul, sar, shl, shr, significantBits, sub } from '../memory/int64.ts'

/** Words of a tnum. */
export const TNUM_WORDS = 4

/** Stores (value & ~mask, mask). */
function put(w: Int32Array, at: number, vLo: number, vHi: number, mLo: number, mHi: number): void {
  w[at] = vLo & ~mLo
  w[at + 1] = vHi & ~mHi
  w[at + 2] = mLo
  w[at + 3] = mHi
}

/** The number `lo`, `high` alone. */
export function tnumConst(w: Int32Array, at: number, lo: number, high: number): void {
  put(w, at, lo, high, 0, 0)
}

/** Every number. */
export function tnumUnknown(w: Int32Array, at: number): void {
  put(w, at, 0, 0, -1, -1)
}

/** The tnum of the common leading bits of two u64, which holds all that lies between them. */
export function tnumRange(w: Int32Array, at: number, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  const bits = significantBits(minLo ^ maxLo, minHi ^ maxHi)
  put(w, at, minLo, minHi, lowOnes(bits), lowOnes(bits - 32))
}

/** A word with its low `bits` bits set; none for 0 and less, all for 32 and more. */
function lowOnes(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : (1 << bits) - 1
}

export function tnumIsConst(w: Int32Array, at: number): boolean {
  return (w[at + 2]! | w[at + 3]!) === 0
}

export function tnumIsUnknown(w: Int32Array, at: number): boolean {
  return (w[at + 2]! & w[at + 3]!) === -1
}

/** a << n, 0 <= n < 64 */
export function tnumLsh(w: Int32Array, d: number, a: number, n: number): void {
  w[d] = shl(w[a]!, w[a + 1]!, n)
  w[d + 1] = hi
  w[d + 2] = shl(w[a + 2]!, w[a + 3]!, n)
  w[d + 3] = hi
}

/** a >> n, zeros coming in, 0 <= n < 64 */
export function tnumRsh(w: Int32Array, d: number, a: number, n: number): void {
  w[d] = shr(w[a]!, w[a + 1]!, n)
  w[d + 1] = hi
  w[d + 2] = shr(w[a + 2]!, w[a + 3]!, n)
  w[d + 3] = hi
}

/** a >> n with the sign coming in; at width 32 of the low half alone, the upper half becoming 0. */
export function tnumArsh(w: Int32Array, d: number, a: number, n: number, width: 32 | 64): void {
  if (width === 32) {
    w[d] = w[a]! >> n
    w[d + 2] = w[a + 2]! >> n
    w[d + 1] = 0
    w[d + 3] = 0
    return
  }
  w[d] = sar(w[a]!, w[a + 1]!, n)
  w[d + 1] = hi
  w[d + 2] = sar(w[a + 2]!, w[a + 3]!, n)
  w[d + 3] = hi
}

/** a + b: a bit is unknown where an operand's is, or where the carries of the least and the greatest sum differ. */
export function tnumAdd(w: Int32Array, d: number, a: number, b: number): void {
  const sumLo = add(w[a]!, w[a + 1]!, w[b]!, w[b + 1]!)
  const sumHi = hi
  const masksLo = add(w[a + 2]!, w[a + 3]!, w[b + 2]!, w[b + 3]!)
  const topLo = add(masksLo, hi, sumLo, sumHi)
  const mLo = (topLo ^ sumLo) | w[a + 2]! | w[b + 2]!
  const mHi = (hi ^ sumHi) | w[a + 3]! | w[b + 3]!
  put(w, d, sumLo, sumHi, mLo, mHi)
}

/** a - b */
export function tnumSub(w: Int32Array, d: number, a: number, b: number): void {
  const diffLo = sub(w[a]!, w[a + 1]!, w[b]!, w[b + 1]!)
  const diffHi = hi
  const topLo = add(diffLo, diffHi, w[a + 2]!, w[a + 3]!)
  const topHi = hi
  const bottomLo = sub(diffLo, diffHi, w[b + 2]!, w[b + 3]!)
  const mLo = (topLo ^ bottomLo) | w[a + 2]! | w[b + 2]!
  const mHi = (topHi ^ hi) | w[a + 3]! | w[b + 3]!
  put(w, d, diffLo, diffHi, mLo, mHi)
}

/** -a */
export function tnumNeg(w: Int32Array, d: number, a: number): void {
  const diffLo = sub(0, 0, w[a]!, w[a + 1]!)
  const diffHi = hi
  const bottomLo = sub(diffLo, diffHi, w[a + 2]!, w[a + 3]!)
  put(w, d, diffLo, diffHi, (diffLo ^ bottomLo) | w[a + 2]!, (diffHi ^ hi) | w[a + 3]!)
}

/** a & b */
export function tnumAnd(w: Int32Array, d: number, a: number, b: number): void {
  const vLo = w[a]! & w[b]!
  const vHi = w[a + 1]! & w[b + 1]!
  const mLo = (w[a]! | w[a + 2]!) & (w[b]! | w[b + 2]!) & ~vLo
  const mHi = (w[a + 1]! | w[a + 3]!) & (w[b + 1]! | w[b + 3]!) & ~vHi
  put(w, d, vLo, vHi, mLo, mHi)
}

/** a | b */
export function tnumOr(w: Int32Array, d: number, a: number, b: number): void {
  const vLo = w[a]! | w[b]!
  const vHi = w[a + 1]! | w[b + 1]!
  put(w, d, vLo, vHi, (w[a + 2]! | w[b + 2]!) & ~vLo, (w[a + 3]! | w[b + 3]!) & ~vHi)
}

/** a ^ b */
export function tnumXor(w: Int32Array, d: number, a: number, b: number): void {
  const mLo = w[a + 2]! | w[b + 2]!
  const mHi = w[a + 3]! | w[b + 3]!
  put(w, d, w[a]! ^ w[b]!, w[a + 1]! ^ w[b + 1]!, mLo, mHi)
}

/** The least tnum that holds both. */
export function tnumUnion(w: Int32Array, d: number, a: number, b: number): void {
  const mLo = (w[a]! ^ w[b]!) | w[a + 2]! | w[b + 2]!
  const mHi = (w[a + 1]! ^ w[b + 1]!) | w[a + 3]! | w[b + 3]!
  put(w, d, w[a]! & w[b]!, w[a + 1]! & w[b + 1]!, mLo, mHi)
}

/** What both hold. Where known bits disagree, which only dead branches see, the result has no meaning. */
export function tnumIntersect(w: Int32Array, d: number, a: number, b: number): void {
  const mLo = w[a + 2]! & w[b + 2]!
  const mHi = w[a + 3]! & w[b + 3]!
  put(w, d, w[a]! | w[b]!, w[a + 1]! | w[b + 1]!, mLo, mHi)
}

/** False when a bit known in both differs, so that no number is in both. */
export function tnumOverlap(w: Int32Array, a: number, b: number): boolean {
  const knownLo = ~(w[a + 2]! | w[b + 2]!)
  const knownHi = ~(w[a + 3]! | w[b + 3]!)
  return (((w[a]! ^ w[b]!) & knownLo) | ((w[a + 1]! ^ w[b + 1]!) & knownHi)) === 0
}

/** True when `a` holds all that `b` does. The two may lie in different arrays. */
export function tnumContains(wa: Int32Array, a: number, wb: Int32Array, b: number): boolean {
  if (((wb[b + 2]! & ~wa[a + 2]!) | (wb[b + 3]! & ~wa[a + 3]!)) !== 0) return false
  return (wb[b]! & ~wa[a + 2]!) === wa[a]! && (wb[b + 1]! & ~wa[a + 3]!) === wa[a + 1]!
}

/** The low `bytes` bytes (1, 2, 4 or 8), the rest being 0. */
export function tnumCast(w: Int32Array, d: number, a: number, bytes: number): void {
  const keepLo = lowOnes(bytes * 8)
  const keepHi = lowOnes(bytes * 8 - 32)
  put(w, d, w[a]! & keepLo, w[a + 1]! & keepHi, w[a + 2]! & keepLo, w[a + 3]! & keepHi)
}

/** True when every number in it is a multiple of `size`, a power of two up to 2^31. */
export function tnumIsAligned(w: Int32Array, at: number, size: number): boolean {
  return ((w[at]! | w[at + 2]!) & (size - 1)) === 0
}

// The accumulator and the shifted operands of a multiplication.
const scratch = new Int32Array(3 * TNUM_WORDS)
const ACC = 0
const TERM = TNUM_WORDS
const SUM = 2 * TNUM_WORDS

/** a * b (mod 2^64), by adding b's shifts: a bit of a that is unknown makes a union of adding and not adding. */
export function tnumMul(w: Int32Array, d: number, a: number, b: number): void {
  if (tnumIsConst(w, a) && tnumIsConst(w, b)) {
    const lo = mul(w[a]!, w[a + 1]!, w[b]!, w[b + 1]!)
    put(w, d, lo, hi, 0, 0)
    return
  }
  let vLo = w[a]!
  let vHi = w[a + 1]!
  let mLo = w[a + 2]!
  let mHi = w[a + 3]!
  for (let i = 0; i < TNUM_WORDS; i++) {
    scratch[ACC + i] = 0
    scratch[TERM + i] = w[b + i]!
  }
  while ((vLo | vHi | mLo | mHi) !== 0) {
    // Zero bits add nothing: go to the next bit that may be one.
    const low = vLo | mLo
    const skip = low === 0 ? 32 : ctz32(low)
    vLo = shr(vLo, vHi, skip)
    vHi = hi
    mLo = shr(mLo, mHi, skip)
    mHi = hi
    tnumLsh(scratch, TERM, TERM, skip)
    if ((vLo & 1) !== 0) {
      tnumAdd(scratch, ACC, ACC, TERM)
    } else if ((mLo & 1) !== 0) {
      tnumAdd(scratch, SUM, ACC, TERM)
      tnumUnion(scratch, ACC, ACC, SUM)
    }
    vLo &= ~1
    mLo &= ~1
  }
  put(w, d, scratch[ACC]!, scratch[ACC + 1]!, scratch[ACC + 2]!, scratch[ACC + 3]!)
}
