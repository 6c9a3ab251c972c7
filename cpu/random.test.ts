import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeRandom, Random, RandomStream, splitMix64 } from './random.ts'

const RUNS: number = process.env.HARENA_LONG ? 1000 : 100

function take<T>(count: number, next: () => T): T[] {
  return Array.from({ length: count }, next)
}

describe('the published generators', () => {
  test('SplitMix64 from 1234567 gives the published numbers', () => {
    const numbers = splitMix64(1234567n)
    expect(take(5, () => numbers.next().value)).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ])
  })

  test('xoshiro128** does what its definition says, in exact arithmetic', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (state) => {
        const random = new Random(state)
        let s = state.map(BigInt)
        for (let round = 0; round < 20; round++) {
          const [result, next] = byDefinition(s)
          expect(random.u32()).toBe(Number(result))
          s = next
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('xoshiro128** from 1, 2, 3, 4 begins as by hand', () => {
    // 2 * 5 = 10; rotated by 7: 1280; times 9. Then s1 = 1 ^ 2 ^ 3 = 0.
    const random = new Random([1, 2, 3, 4])
    expect(take(4, () => random.u32())).toEqual([11520, 0, 5927040, 70819200])
  })
})

/** One round on bigints: the result, and the next state. */
function byDefinition(state: bigint[]): [bigint, bigint[]] {
  const mask = 2n ** 32n - 1n
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (32n - by))) & mask
  const result = (rotate((state[1]! * 5n) & mask, 7n) * 9n) & mask
  const t = (state[1]! << 9n) & mask
  const s2 = state[2]! ^ state[0]!
  const s3 = state[3]! ^ state[1]!
  return [result, [state[0]! ^ s3, state[1]! ^ s2, s2 ^ t, rotate(s3, 11n)]]
}

describe('makeRandom', () => {
  const head = (seed: bigint, stream: bigint): string => {
    const random = makeRandom(seed, stream)
    return take(4, () => random.u32()).join()
  }

  test('the same seed and stream give the same numbers, all others give others', () => {
    expect(head(5n, RandomStream.ADDRESS)).toBe(head(5n, RandomStream.ADDRESS))
    const heads = new Set<string>()
    for (let seed = 0n; seed < 50n; seed++) {
      for (let cpu = 0n; cpu < 20n; cpu++) heads.add(head(seed, RandomStream.PROGRAM + cpu))
      heads.add(head(seed, RandomStream.ADDRESS))
    }
    expect(heads.size).toBe(50 * 21)
  })

  test('a seed counts modulo 2^64', () => {
    expect(head(-1n, 1n)).toBe(head(2n ** 64n - 1n, 1n))
    expect(head(2n ** 64n, 1n)).toBe(head(0n, 1n))
  })

  test('each bit is set about half the time', () => {
    const random = makeRandom(1n, 1n)
    const ones = new Uint32Array(32)
    for (let round = 0; round < 4096; round++) {
      const value = random.u32()
      for (let bit = 0; bit < 32; bit++) ones[bit]! += (value >>> bit) & 1
    }
    // Six standard deviations of 32.
    for (const count of ones) expect(Math.abs(count - 2048)).toBeLessThan(192)
  })

  test('u64 is two u32, the upper one first', () => {
    const [a, b] = [makeRandom(9n, 1n), makeRandom(9n, 1n)]
    const high = b.u32()
    expect(a.u64()).toBe((BigInt(high) << 32n) | BigInt(b.u32()))
  })

  test('below stays below, and reaches everything', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const value = makeRandom(seed, 1n).below(bound)
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true)
      }),
      { numRuns: RUNS },
    )
    const random = makeRandom(2n, 1n)
    expect(new Set(take(200, () => random.below(6)))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
  })

  test('below draws again where the rest would favour small results', () => {
    // A generator whose first number is the largest: 2^32 - 1 is above the last multiple of 3 * 2^30.
    class Fixed extends Random {
      readonly numbers = [2 ** 32 - 1, 7]
      override u32(): number {
        return this.numbers.shift()!
      }
    }
    expect(new Fixed([1, 1, 1, 1]).below(3 * 2 ** 30)).toBe(7)
  })
})
