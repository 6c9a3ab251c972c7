import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Op } from '../isa/table.ts'
import { ID, LINK, OFF, REG_WORDS, SUBREG_DEF } from './layout.ts'
import { A, abstract, anySet, B, excludedBy, load, long, u32, u64, words } from './scalar.fixtures.ts'
import { makeUnknown } from './scalar.ts'
import { trackAddConst, updateLinked } from './scalar-link.ts'

/** Gives the register at `at` an id and a delta. */
function link(at: number, delta: number, width: 0 | 32 | 64): void {
  words[at + ID] = 9
  words[at + OFF] = delta
  words[at + LINK] = width
}

const linkOf = (at: number): number[] => [words[at + ID]!, words[at + OFF]!, words[at + LINK]!]

describe('trackAddConst', () => {
  const gone = [0, 0, 0]
  it.each([
    ['r += 5', Op.ADD, 64, 5n, [9, 5, 64]],
    ['r -= 5', Op.SUB, 64, 5n, [9, -5, 64]],
    ['r += 0', Op.ADD, 64, 0n, [9, 0, 64]],
    ['r += INT_MIN', Op.ADD, 64, -0x8000_0000n, [9, -0x8000_0000, 64]],
    ['r -= INT_MIN', Op.SUB, 64, -0x8000_0000n, gone],
    ['r -= 2^31', Op.SUB, 64, 0x8000_0000n, gone],
    ['r += 2^32 + 5', Op.ADD, 64, 0x1_0000_0005n, gone],
    ['w += 2^32 + 5', Op.ADD, 32, 0x1_0000_0005n, [9, 5, 32]],
    ['w -= 5', Op.SUB, 32, 5n, [9, -5, 32]],
    ['w -= 2^31', Op.SUB, 32, 0x8000_0000n, gone],
    ['r *= 5', Op.MUL, 64, 5n, gone],
  ] as const)('%s', (_, op, width, k, want) => {
    abstract(A, [1n, 2n])
    link(A, 0, 0)
    abstract(B, [u64(k)])
    trackAddConst(words, A, B, op, width)
    expect(linkOf(A)).toEqual(want)
  })

  it('needs a constant, of which 32-bit forms look at the low half alone', () => {
    for (const [xs, width, want] of [
      [[1n, 2n], 64, gone],
      [[5n, 5n + (1n << 32n)], 64, gone],
      [[5n, 5n + (1n << 32n)], 32, [9, 5, 32]],
    ] as const) {
      abstract(A, [1n, 2n])
      link(A, 0, 0)
      abstract(B, xs)
      trackAddConst(words, A, B, Op.ADD, width)
      expect(linkOf(A)).toEqual(want)
    }
  })

  it('needs an upper half of 0 in the 32-bit form', () => {
    abstract(A, [0n, 1n << 32n])
    abstract(B, [5n])
    link(A, 0, 0)
    trackAddConst(words, A, B, Op.ADD, 32)
    expect(linkOf(A)).toEqual(gone)
  })

  it('works once, not on the register itself, and gives no id', () => {
    abstract(A, [1n, 2n])
    abstract(B, [5n])
    link(A, 3, 64)
    trackAddConst(words, A, B, Op.ADD, 64)
    expect(linkOf(A)).toEqual(gone)
    trackAddConst(words, A, B, Op.ADD, 64)
    expect(linkOf(A)).toEqual(gone)
    link(B, 0, 0)
    trackAddConst(words, B, B, Op.ADD, 64)
    expect(linkOf(B)).toEqual(gone)
  })
})

describe('updateLinked', () => {
  it('copies between equal deltas, taking the other link and keeping the definition as 32 bits', () => {
    makeUnknown(words, A)
    link(A, 0, 64)
    words[A + SUBREG_DEF] = 4
    abstract(B, [3n, 4n])
    link(B, 0, 0)
    words[B + SUBREG_DEF] = 6
    updateLinked(words, A, words, B)
    expect([load(A), linkOf(A), words[A + SUBREG_DEF]]).toEqual([load(B), [9, 0, 0], 4])
  })

  it('adds the difference of deltas, keeping its own', () => {
    makeUnknown(words, A)
    link(A, 7, 64)
    abstract(B, [10n, 20n])
    link(B, 2, 64)
    updateLinked(words, A, words, B)
    expect(load(A)).toMatchObject({ umin: 15n, umax: 25n, smin: 15n, u32max: 25n })
    expect(linkOf(A)).toEqual([9, 7, 64])
  })

  it('wraps where a 32-bit link does', () => {
    makeUnknown(words, A)
    link(A, 2, 32)
    abstract(B, [0xffff_fffen, 0xffff_ffffn])
    link(B, 0, 0)
    updateLinked(words, A, words, B)
    expect(load(A)).toMatchObject({ umin: 0n, umax: 1n })
  })

  it('does nothing between links of different widths', () => {
    makeUnknown(words, A)
    link(A, 2, 32)
    abstract(B, [1n])
    link(B, 3, 64)
    const before = words.slice(A, A + REG_WORDS)
    updateLinked(words, A, words, B)
    expect(words.slice(A, A + REG_WORDS)).toEqual(before)
  })

  it('holds base + own delta for every base the other allows', () => {
    const delta = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer())
    fc.assert(
      fc.property(anySet, delta, delta, fc.constantFrom(0, 32, 64), ({ xs, known }, own, other, width) => {
        const low = width === 32
        const bases = low ? xs.map(u32) : xs
        const plus = (x: bigint, k: number): bigint => (low ? u32(x + BigInt(k)) : u64(x + BigInt(k)))
        makeUnknown(words, A)
        link(A, own, width as 0 | 32 | 64)
        abstract(
          B,
          bases.map((x) => plus(x, other)),
          known,
        )
        link(B, other, width === 0 ? 64 : (width as 32 | 64))
        updateLinked(words, A, words, B)
        for (const x of bases) expect(excludedBy(A, width === 0 ? x : plus(x, own))).toBeUndefined()
      }),
      { numRuns: long ? 20_000 : 2_000 },
    )
  })
})
