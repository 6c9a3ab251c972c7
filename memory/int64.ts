/**
 * 64-bit integers as two 32-bit halves, for the interpreter and the verifier: several times faster than BigInt.
 *
 * A number is passed as (low, high); both halves may come as signed or unsigned views of the same bits. A 64-bit
 * result returns its low half (s32) and leaves its high half (s32) in `hi`, to be read before the next call:
 *
 *     words[at] = add(aLo, aHi, bLo, bHi)
 *     words[at + 1] = hi
 *
 * Nothing here allocates, the BigInt conversions aside.
 */

/** High half of the last 64-bit result of this module. */
export let hi = 0

const TWO_32 = 2 ** 32

/** (a + b) mod 2^64 */
export function add(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = (aLo + bLo) | 0
  hi = (aHi + bHi + (lo >>> 0 < aLo >>> 0 ? 1 : 0)) | 0
  return lo
}

/** (a - b) mod 2^64 */
export function sub(aLo: number, aHi: number, bLo: number, bHi: number): number {
  hi = (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0
  return (aLo - bLo) | 0
}

/** -a mod 2^64 */
export function neg(aLo: number, aHi: number): number {
  const lo = -aLo | 0
  hi = (lo === 0 ? -aHi : ~aHi) | 0
  return lo
}

/** Upper half of the product of two u32, as s32. */
export function mulHighU32(a: number, b: number): number {
  // The double product is off by less than 2^12, so dividing what is above the exact low half rounds right.
  const low = Math.imul(a, b) >>> 0
  return (((a >>> 0) * (b >>> 0) - low) / TWO_32 + 0.5) | 0
}

/** (a * b) mod 2^64 */
export function mul(aLo: number, aHi: number, bLo: number, bHi: number): number {
  hi = (mulHighU32(aLo, bLo) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)) | 0
  return Math.imul(aLo, bLo)
}

/** True when the product of two u64 is 2^64 or more. */
export function mulOverflowsU(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  if (aHi !== 0 && bHi !== 0) return true
  if (aHi === 0 && bHi === 0) return false
  const wideHi = aHi === 0 ? bHi : aHi
  const narrow = aHi === 0 ? aLo : bLo
  if (mulHighU32(wideHi, narrow) !== 0) return true
  return (Math.imul(wideHi, narrow) >>> 0) + (mulHighU32(aLo, bLo) >>> 0) >= TWO_32
}

/** True when the product of two s64 is no s64. */
export function mulOverflowsS(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  if (aHi === aLo >> 31 && bHi === bLo >> 31) return false
  const negative = (aHi ^ bHi) < 0
  const xLo = aHi < 0 ? neg(aLo, aHi) : aLo
  const xHi = aHi < 0 ? hi : aHi
  const yLo = bHi < 0 ? neg(bLo, bHi) : bLo
  const yHi = bHi < 0 ? hi : bHi
  if (mulOverflowsU(xLo, xHi, yLo, yHi)) return true
  const lo = mul(xLo, xHi, yLo, yHi)
  if (hi >= 0) return false
  return !(negative && hi === -0x8000_0000 && lo === 0)
}

let remainderLo = 0
let remainderHi = 0

/** Quotient of two u64; the remainder goes to remainderLo and remainderHi. `b` is not 0. */
function divide(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (aHi === 0 && bHi === 0) {
    remainderLo = ((aLo >>> 0) % (bLo >>> 0)) | 0
    remainderHi = 0
    hi = 0
    return ((aLo >>> 0) / (bLo >>> 0)) | 0
  }
  return bHi === 0 ? divideByNarrow(aLo, aHi, bLo >>> 0) : divideByWide(aLo, aHi, bLo, bHi)
}

/** Long division by a u32, in digits of 32, 16 and 16 bits: each step's dividend is below 2^48, exact in a double. */
function divideByNarrow(aLo: number, aHi: number, b: number): number {
  const top = aHi >>> 0
  const quotientHi = Math.floor(top / b)
  const middle = (top % b) * 65536 + (aLo >>> 16)
  const middleQuotient = Math.floor(middle / b)
  const bottom = (middle % b) * 65536 + (aLo & 0xffff)
  remainderLo = (bottom % b) | 0
  remainderHi = 0
  hi = quotientHi | 0
  return (middleQuotient * 65536 + Math.floor(bottom / b)) | 0
}

/** Division by 2^32 or more: the quotient is a u32, and a double's estimate of it is off by at most one. */
function divideByWide(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const estimate = Math.floor(toDouble(aLo, aHi) / toDouble(bLo, bHi))
  // One lower, so that the remainder cannot be negative; at most two steps up follow.
  let quotient = estimate > 0 ? estimate - 1 : 0
  const productLo = mul(bLo, bHi, quotient | 0, 0)
  let lo = sub(aLo, aHi, productLo, hi)
  let high = hi
  while (leU(bLo, bHi, lo, high)) {
    lo = sub(lo, high, bLo, bHi)
    high = hi
    quotient++
  }
  remainderLo = lo
  remainderHi = high
  hi = 0
  return quotient | 0
}

/** Unsigned quotient; 0 when b is 0, as BPF has it. */
export function udiv(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (bLo === 0 && bHi === 0) {
    hi = 0
    return 0
  }
  return divide(aLo, aHi, bLo, bHi)
}

/** Unsigned remainder; a when b is 0, as BPF has it. */
export function urem(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (bLo === 0 && bHi === 0) {
    hi = aHi | 0
    return aLo | 0
  }
  divide(aLo, aHi, bLo, bHi)
  hi = remainderHi
  return remainderLo
}

/** Signed quotient, truncated towards zero; 0 when b is 0; the least s64 divided by -1 is itself (RFC 9669, 4.1). */
export function sdiv(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const aNegative = aHi >> 31 !== 0
  const bNegative = bHi >> 31 !== 0
  const xLo = aNegative ? neg(aLo, aHi) : aLo
  const xHi = aNegative ? hi : aHi
  const yLo = bNegative ? neg(bLo, bHi) : bLo
  const yHi = bNegative ? hi : bHi
  const lo = udiv(xLo, xHi, yLo, yHi)
  return aNegative === bNegative ? lo : neg(lo, hi)
}

/** Signed remainder, with the sign of a; a when b is 0; 0 for the least s64 and -1 (RFC 9669, 4.1). */
export function srem(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const aNegative = aHi >> 31 !== 0
  const bNegative = bHi >> 31 !== 0
  const xLo = aNegative ? neg(aLo, aHi) : aLo
  const xHi = aNegative ? hi : aHi
  const yLo = bNegative ? neg(bLo, bHi) : bLo
  const yHi = bNegative ? hi : bHi
  const lo = urem(xLo, xHi, yLo, yHi)
  return aNegative ? neg(lo, hi) : lo
}

/** a << (n mod 64) */
export function shl(aLo: number, aHi: number, n: number): number {
  const by = n & 63
  if (by >= 32) {
    hi = aLo << (by - 32)
    return 0
  }
  hi = by === 0 ? aHi | 0 : (aHi << by) | (aLo >>> (32 - by))
  return aLo << by
}

/** a >> (n mod 64), zeros coming in */
export function shr(aLo: number, aHi: number, n: number): number {
  const by = n & 63
  if (by >= 32) {
    hi = 0
    return (aHi >>> (by - 32)) | 0
  }
  hi = (aHi >>> by) | 0
  return by === 0 ? aLo | 0 : (aLo >>> by) | (aHi << (32 - by))
}

/** a >> (n mod 64), copies of the sign coming in */
export function sar(aLo: number, aHi: number, n: number): number {
  const by = n & 63
  if (by >= 32) {
    hi = aHi >> 31
    return aHi >> (by - 32)
  }
  hi = aHi >> by
  return by === 0 ? aLo | 0 : (aLo >>> by) | (aHi << (32 - by))
}

/** a < b as u32 */
export function ltU32(a: number, b: number): boolean {
  return a >>> 0 < b >>> 0
}

/** a < b as u64 */
export function ltU(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const a = aHi >>> 0
  const b = bHi >>> 0
  return a < b || (a === b && aLo >>> 0 < bLo >>> 0)
}

/** a <= b as u64 */
export function leU(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const a = aHi >>> 0
  const b = bHi >>> 0
  return a < b || (a === b && aLo >>> 0 <= bLo >>> 0)
}

/** a < b as s64 */
export function ltS(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const a = aHi | 0
  const b = bHi | 0
  return a < b || (a === b && aLo >>> 0 < bLo >>> 0)
}

/** a <= b as s64 */
export function leS(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const a = aHi | 0
  const b = bHi | 0
  return a < b || (a === b && aLo >>> 0 <= bLo >>> 0)
}

/** The smaller u64. */
export function minU(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const first = leU(aLo, aHi, bLo, bHi)
  hi = (first ? aHi : bHi) | 0
  return (first ? aLo : bLo) | 0
}

/** The larger u64. */
export function maxU(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const first = leU(bLo, bHi, aLo, aHi)
  hi = (first ? aHi : bHi) | 0
  return (first ? aLo : bLo) | 0
}

/** The smaller s64. */
export function minS(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const first = leS(aLo, aHi, bLo, bHi)
  hi = (first ? aHi : bHi) | 0
  return (first ? aLo : bLo) | 0
}

/** The larger s64. */
export function maxS(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const first = leS(bLo, bHi, aLo, aHi)
  hi = (first ? aHi : bHi) | 0
  return (first ? aLo : bLo) | 0
}

/** Zero bits above the highest one; 64 for 0. */
export function clz(lo: number, high: number): number {
  return high === 0 ? 32 + Math.clz32(lo) : Math.clz32(high)
}

/** Position of the highest one bit, plus 1; 0 for 0. */
export function significantBits(lo: number, high: number): number {
  return 64 - clz(lo, high)
}

/** Zero bits below the lowest one of a u32; 32 for 0. */
export function ctz32(x: number): number {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x)
}

/** The low two bytes, swapped; 0 to 65535. */
export function bswap16(x: number): number {
  return ((x & 0xff) << 8) | ((x >>> 8) & 0xff)
}

/** Four bytes, in the opposite order, as s32. */
export function bswap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24)
}

/** Eight bytes, in the opposite order. */
export function bswap64(lo: number, high: number): number {
  hi = bswap32(lo)
  return bswap32(high)
}

/** The nearest double to a u64. */
export function toDouble(lo: number, high: number): number {
  return (high >>> 0) * TWO_32 + (lo >>> 0)
}

/** As u64, 0 to 2^64 - 1. */
export function toBigUint(lo: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(lo >>> 0)
}

/** As s64, -2^63 to 2^63 - 1. */
export function toBigInt(lo: number, high: number): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(lo >>> 0)
}

/** The low 64 bits of any bigint. */
export function fromBigInt(value: bigint): number {
  hi = Number(BigInt.asIntN(32, value >> 32n))
  return Number(BigInt.asIntN(32, value))
}
