import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as int64 from './int64.ts'

const runs = process.env.HARENA_LONG ? 20_000 : 2_000

const U64 = 1n << 64n
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x)
const s64 = (x: bigint): bigint => BigInt.asIntN(64, x)

/** Numbers at which carries, signs and halves turn. */
const edges: readonly bigint[] = [0n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 53n, 1n << 63n, 0x5555_5555_aaaa_aaaan]
  .flatMap((x) => [x - 2n, x - 1n, x, x + 1n, x + 2n])
  .flatMap((x) => [x, -x])
  .map(u64)

const any64 = fc.oneof(
  fc.bigInt({ min: 0n, max: U64 - 1n }),
  fc.constantFrom(...edges),
  fc.tuple(fc.bigInt({ min: 0n, max: U64 - 1n }), fc.integer({ min: 0, max: 63 })).map(([x, n]) => x >> BigInt(n)),
)

type Binary = (aLo: number, aHi: number, bLo: number, bHi: number) => number
type Test = (aLo: number, aHi: number, bLo: number, bHi: number) => boolean

/** The halves of a, as signed or as unsigned numbers. */
function halves(a: bigint, signed: boolean): [number, number] {
  const lo = Number(BigInt.asIntN(32, a))
  const high = Number(BigInt.asIntN(32, a >> 32n))
  return signed ? [lo, high] : [lo >>> 0, high >>> 0]
}

function apply(op: Binary, a: bigint, b: bigint, signed = true): bigint {
  const lo = op(...halves(a, signed), ...halves(b, signed))
  expect([lo, int64.hi]).toEqual([lo | 0, int64.hi | 0])
  return int64.toBigUint(lo, int64.hi)
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

const binary: readonly [string, Binary, (a: bigint, b: bigint) => bigint][] = [
  ['add', int64.add, (a, b) => a + b],
  ['sub', int64.sub, (a, b) => a - b],
  ['mul', int64.mul, (a, b) => a * b],
  ['udiv', int64.udiv, (a, b) => (b === 0n ? 0n : a / b)],
  ['urem', int64.urem, (a, b) => (b === 0n ? a : a % b)],
  ['sdiv', int64.sdiv, (a, b) => (b === 0n ? 0n : s64(a) / s64(b))],
  ['srem', int64.srem, (a, b) => (b === 0n ? a : s64(a) % s64(b))],
  ['minU', int64.minU, min],
  ['maxU', int64.maxU, max],
  ['minS', int64.minS, (a, b) => min(s64(a), s64(b))],
  ['maxS', int64.maxS, (a, b) => max(s64(a), s64(b))],
]

const fits = (x: bigint): boolean => x === s64(x)

const tests: readonly [string, Test, (a: bigint, b: bigint) => boolean][] = [
  ['ltU', int64.ltU, (a, b) => a < b],
  ['leU', int64.leU, (a, b) => a <= b],
  ['ltS', int64.ltS, (a, b) => s64(a) < s64(b)],
  ['leS', int64.leS, (a, b) => s64(a) <= s64(b)],
  ['mulOverflowsU', int64.mulOverflowsU, (a, b) => a * b >= U64],
  ['mulOverflowsS', int64.mulOverflowsS, (a, b) => !fits(s64(a) * s64(b))],
]

describe('two operands', () => {
  it.each(binary)('%s equals BigInt at every pair of edges', (_, op, model) => {
    for (const a of edges) for (const b of edges) expect([a, b, apply(op, a, b)]).toEqual([a, b, u64(model(a, b))])
  })

  it.each(binary)('%s equals BigInt, signed halves or unsigned', (_, op, model) => {
    fc.assert(
      fc.property(any64, any64, fc.boolean(), (a, b, signed) => {
        expect(apply(op, a, b, signed)).toBe(u64(model(a, b)))
      }),
      { numRuns: runs },
    )
  })

  it.each(tests)('%s equals BigInt', (_, test, model) => {
    for (const a of edges) {
      for (const b of edges) {
        expect([a, b, test(...halves(a, true), ...halves(b, true))]).toEqual([a, b, model(a, b)])
      }
    }
    fc.assert(
      fc.property(any64, any64, (a, b) => {
        expect(test(...halves(a, true), ...halves(b, true))).toBe(model(a, b))
      }),
      { numRuns: runs },
    )
  })

  it('divides next to multiples of the divisor, where an estimate is off by one', () => {
    fc.assert(
      fc.property(any64, any64, fc.integer({ min: -2, max: 2 }), (q, b, near) => {
        const a = u64(q * b + BigInt(near))
        if (b === 0n) return
        expect(apply(int64.udiv, a, b)).toBe(a / b)
        expect(apply(int64.urem, a, b)).toBe(a % b)
      }),
      { numRuns: runs },
    )
  })

  it('mulHighU32 equals BigInt', () => {
    for (const a of edges) {
      for (const b of edges) {
        const [x, y] = [BigInt.asUintN(32, a), BigInt.asUintN(32, b)]
        const high = Number(BigInt.asIntN(32, (x * y) >> 32n))
        expect([x, y, int64.mulHighU32(Number(x), Number(y) | 0)]).toEqual([x, y, high])
      }
    }
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        expect(int64.mulHighU32(a, b)).toBe(Number(BigInt.asIntN(32, (BigInt(a >>> 0) * BigInt(b >>> 0)) >> 32n)))
      }),
      { numRuns: runs },
    )
  })
})

describe('shifts', () => {
  const shifts: readonly [string, typeof int64.shl, (a: bigint, n: bigint) => bigint][] = [
    ['shl', int64.shl, (a, n) => a << n],
    ['shr', int64.shr, (a, n) => a >> n],
    ['sar', int64.sar, (a, n) => s64(a) >> n],
  ]
  it.each(shifts)('%s equals BigInt for every amount, counted mod 64', (_, shift, model) => {
    for (const a of edges) {
      for (let n = 0; n < 130; n++) {
        for (const signed of [true, false]) {
          const lo = shift(...halves(a, signed), n)
          expect([a, n, int64.toBigUint(lo, int64.hi)]).toEqual([a, n, u64(model(a, BigInt(n % 64)))])
          expect([lo, int64.hi]).toEqual([lo | 0, int64.hi | 0])
        }
      }
    }
  })
})

describe('one operand', () => {
  it('negates, counts bits, swaps bytes and converts as BigInt does', () => {
    fc.assert(
      fc.property(any64, fc.boolean(), (a, signed) => {
        const [lo, high] = halves(a, signed)
        const negated = int64.neg(lo, high)
        expect(int64.toBigUint(negated, int64.hi)).toBe(u64(-a))
        const bits = a === 0n ? 0 : a.toString(2).length
        expect([int64.significantBits(lo, high), int64.clz(lo, high)]).toEqual([bits, 64 - bits])
        const hex = a.toString(16).padStart(16, '0')
        const swapped = int64.bswap64(lo, high)
        expect(int64.toBigUint(swapped, int64.hi)).toBe(BigInt(`0x${hex.match(/../g)!.reverse().join('')}`))
        expect(int64.bswap32(lo) >>> 0).toBe(Number(`0x${hex.slice(8).match(/../g)!.reverse().join('')}`))
        expect(int64.bswap16(lo)).toBe(Number(`0x${hex.slice(14)}${hex.slice(12, 14)}`))
        expect(int64.toDouble(lo, high)).toBe(Number(a))
        expect(int64.toBigInt(lo, high)).toBe(s64(a))
        expect([int64.fromBigInt(s64(a)), int64.hi]).toEqual(halves(a, true))
        expect([int64.fromBigInt(a + U64), int64.hi]).toEqual(halves(a, true))
      }),
      { numRuns: runs },
    )
  })

  it('ctz32 counts the zeros below each bit', () => {
    expect(int64.ctz32(0)).toBe(32)
    for (let n = 0; n < 32; n++) expect(int64.ctz32((0xffff_fff5 << n) | 0)).toBe(n)
  })

  it('ltU32 compares words without their sign', () => {
    expect(int64.ltU32(1, -1)).toBe(true)
    expect(int64.ltU32(-1, 1)).toBe(false)
    expect(int64.ltU32(-1, -1)).toBe(false)
    expect(int64.ltU32(-2, 0xffff_ffff)).toBe(true)
  })
})
