import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBigInt, hi, toBigUint } from '../memory/int64.ts'
import * as tnum from './tnum.ts'

const long = process.env.HARENA_LONG !== undefined
const M64 = (1n << 64n) - 1n

interface Tnum {
  readonly value: bigint
  readonly mask: bigint
}

const w = new Int32Array(12)
const A = 4
const B = 8

function put(at: number, t: Tnum): void {
  w[at] = fromBigInt(t.value)
  w[at + 1] = hi
  w[at + 2] = fromBigInt(t.mask)
  w[at + 3] = hi
}

function get(at: number): Tnum {
  return { value: toBigUint(w[at]!, w[at + 1]!), mask: toBigUint(w[at + 2]!, w[at + 3]!) }
}

const holds = (t: Tnum, x: bigint): boolean => (BigInt.asUintN(64, x) & ~t.mask) === t.value

/** All tnums whose bits but `width` ones from `shift` on are 0; each with all its members. */
function allTnums(width: number, shift: number): { t: Tnum; members: bigint[] }[] {
  const all: { t: Tnum; members: bigint[] }[] = []
  for (let mask = 0; mask < 1 << width; mask++) {
    for (let value = 0; value < 1 << width; value++) {
      if ((value & mask) !== 0) continue
      const members: bigint[] = []
      for (let x = 0; x < 1 << width; x++) if ((x & ~mask) === value) members.push(BigInt(x) << BigInt(shift))
      all.push({ t: { value: BigInt(value) << BigInt(shift), mask: BigInt(mask) << BigInt(shift) }, members })
    }
  }
  return all
}

/** The least tnum that holds all of `xs`. */
function least(xs: readonly bigint[]): Tnum {
  const first = BigInt.asUintN(64, xs[0]!)
  const mask = xs.reduce((m, x) => m | (BigInt.asUintN(64, x) ^ first), 0n)
  return { value: first & ~mask, mask }
}

type Operation = (w: Int32Array, d: number, a: number, b: number) => void
const operations: readonly [string, Operation, (a: bigint, b: bigint) => bigint, boolean][] = [
  ['add', tnum.tnumAdd, (a, b) => a + b, true],
  ['sub', tnum.tnumSub, (a, b) => a - b, true],
  ['and', tnum.tnumAnd, (a, b) => a & b, true],
  ['or', tnum.tnumOr, (a, b) => a | b, true],
  ['xor', tnum.tnumXor, (a, b) => a ^ b, true],
  ['mul', tnum.tnumMul, (a, b) => a * b, false],
]

const width = long ? 4 : 3
/** Bit positions at which small tnums lie: at the bottom, over the two words' border, at the top. */
const shifts = [0, 32 - (width >> 1), 64 - width]

describe.each(operations)('%s', (_, operation, concrete, optimal) => {
  it.each(shifts)('holds every concrete result for all small tnums at bit %i', (shift) => {
    const all = allTnums(width, shift)
    for (const a of all) {
      for (const b of all) {
        const results = a.members.flatMap((x) => b.members.map((y) => concrete(x, y)))
        put(A, a.t)
        put(B, b.t)
        operation(w, 0, A, B)
        const result = get(0)
        const missing = results.filter((x) => !holds(result, x))
        if (missing.length > 0 || (optimal && result.mask !== least(results).mask)) {
          expect({ a: a.t, b: b.t, result, missing }).toEqual({ a: a.t, b: b.t, result: least(results), missing: [] })
        }
      }
    }
  })

  it('holds every concrete result at 64 bits, in place too', () => {
    const word = fc.bigInt({ min: 0n, max: M64 })
    const sparse = fc.tuple(word, word, word).map(([a, b, c]) => a & b & c)
    const t = fc.tuple(word, fc.oneof(sparse, word)).map(([v, mask]) => ({ value: v & ~mask & M64, mask }))
    fc.assert(
      fc.property(t, t, word, word, (a, b, x, y) => {
        put(A, a)
        put(B, b)
        operation(w, 0, A, B)
        const result = get(0)
        expect(holds(result, concrete(a.value | (x & a.mask), b.value | (y & b.mask)))).toBe(true)
        expect(result.value & result.mask).toBe(0n)
        operation(w, A, A, B)
        expect(get(A)).toEqual(result)
        put(A, a)
        operation(w, B, A, B)
        expect(get(B)).toEqual(result)
      }),
      { numRuns: long ? 20_000 : 2_000 },
    )
  })
})

describe('one operand', () => {
  it.each([0, 30, 60])('negates and shifts all small tnums at bit %i exactly', (shift) => {
    for (const { t, members } of allTnums(4, shift)) {
      put(A, t)
      tnum.tnumNeg(w, 0, A)
      expect(get(0)).toEqual(least(members.map((x) => -x)))
      for (const n of [0, 1, 3, 31, 32, 33, 63]) {
        const by = BigInt(n)
        tnum.tnumLsh(w, 0, A, n)
        expect(get(0)).toEqual(least(members.map((x) => x << by)))
        tnum.tnumRsh(w, 0, A, n)
        expect(get(0)).toEqual(least(members.map((x) => x >> by)))
        tnum.tnumArsh(w, 0, A, n, 64)
        expect(get(0)).toEqual(least(members.map((x) => BigInt.asIntN(64, x) >> by)))
        if (n > 31) continue
        tnum.tnumArsh(w, 0, A, n, 32)
        const low = (x: bigint): bigint => BigInt.asIntN(32, x) >> by
        expect(get(0)).toEqual(least(members.map((x) => BigInt.asUintN(32, low(x)))))
      }
    }
  })

  it.each([0, 30, 60])('casts all small tnums at bit %i', (shift) => {
    for (const { t, members } of allTnums(4, shift)) {
      put(A, t)
      for (const bytes of [1, 2, 4, 8]) {
        tnum.tnumCast(w, 0, A, bytes)
        expect(get(0)).toEqual(least(members.map((x) => BigInt.asUintN(8 * bytes, x))))
      }
      for (const size of [1, 2, 4, 8, 4096]) {
        expect(tnum.tnumIsAligned(w, A, size)).toBe(members.every((x) => x % BigInt(size) === 0n))
      }
      expect(tnum.tnumIsConst(w, A)).toBe(members.length === 1)
      expect(tnum.tnumIsUnknown(w, A)).toBe(false)
    }
    tnum.tnumUnknown(w, 0)
    expect(tnum.tnumIsUnknown(w, 0)).toBe(true)
  })
})

describe('sets', () => {
  it.each(shifts)('relates all small tnums at bit %i', (shift) => {
    const all = allTnums(width, shift)
    for (const a of all) {
      for (const b of all) {
        put(A, a.t)
        put(B, b.t)
        const common = a.members.filter((x) => holds(b.t, x))
        expect(tnum.tnumOverlap(w, A, B)).toBe(common.length > 0)
        expect(tnum.tnumContains(w, A, w, B)).toBe(common.length === b.members.length)
        tnum.tnumUnion(w, 0, A, B)
        expect(get(0)).toEqual(least([...a.members, ...b.members]))
        tnum.tnumIntersect(w, 0, A, B)
        if (common.length > 0) expect(get(0)).toEqual(least(common))
      }
    }
  })

  it.each(shifts)('range holds all between two small numbers at bit %i, and no smaller power of two does', (shift) => {
    for (let min = 0n; min < 16n; min++) {
      for (let max = min; max < 16n; max++) {
        const [from, to] = [BigInt.asUintN(64, min << BigInt(shift)), BigInt.asUintN(64, max << BigInt(shift))]
        if (from > to) continue
        const fromLo = fromBigInt(from)
        const fromHi = hi
        tnum.tnumRange(w, 0, fromLo, fromHi, fromBigInt(to), hi)
        const { value, mask } = get(0)
        expect(mask & (mask + 1n)).toBe(0n)
        expect(value & mask).toBe(0n)
        expect(value <= from && to <= (value | mask)).toBe(true)
        expect(mask === 0n || (from ^ to) > mask >> 1n).toBe(true)
      }
    }
  })

  it('range from a low to a high half of the number space is everything', () => {
    tnum.tnumRange(w, 0, 1, 0, 0, 0x8000_0000)
    expect(tnum.tnumIsUnknown(w, 0)).toBe(true)
  })
})

describe('as Linux 6.18', () => {
  it('multiplies by unions: the square of (x & 6) | 1', () => {
    put(A, { value: 1n, mask: 6n })
    tnum.tnumMul(w, 0, A, A)
    expect(get(0)).toEqual({ value: 1n, mask: 0x3en })
  })

  it('multiplies constants exactly', () => {
    put(A, { value: 0x1_2345_6789n, mask: 0n })
    put(B, { value: M64, mask: 0n })
    tnum.tnumMul(w, 0, A, B)
    expect(get(0)).toEqual({ value: BigInt.asUintN(64, -0x1_2345_6789n), mask: 0n })
  })
})
