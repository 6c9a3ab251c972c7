import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Op } from '../isa/table.ts'
import { alu, assumeForked, forkWidth, negate, swapEnds } from './alu.ts'
import { addToPointer, subFromPointer } from './alu-pointer.ts'
import { ID, LINK, OFF, REG_WORDS } from './layout.ts'
import {
  A,
  abstract,
  anySet,
  B,
  C,
  compute,
  excludedBy,
  Known,
  load,
  long,
  rangesAtBorders,
  s64,
  store,
  u64,
  words,
} from './scalar.fixtures.ts'
import { checkInvariants, isConst, makeUnknown, setConst } from './scalar.ts'
import { truncateTo } from './scalar-width.ts'

const numRuns = long ? 8_000 : 800

const arithmetic = [
  ['ADD', Op.ADD],
  ['SUB', Op.SUB],
  ['MUL', Op.MUL],
  ['AND', Op.AND],
  ['OR', Op.OR],
  ['XOR', Op.XOR],
] as const
const shifts = [
  ['LSH', Op.LSH],
  ['RSH', Op.RSH],
  ['ARSH', Op.ARSH],
] as const
const both = <T extends readonly [string, Op]>(ops: readonly T[]): [string, Op, 32 | 64][] =>
  ops.flatMap(([name, op]): [string, Op, 32 | 64][] => [
    [`${name}64`, op, 64],
    [`${name}32`, op, 32],
  ])

/** Runs `op` on the sets and says which concrete result the register does not hold. */
function missing(op: Op, width: 32 | 64, xs: readonly bigint[], ys: readonly bigint[]): string | undefined {
  alu(words, A, B, op, width)
  for (const x of xs) {
    for (const y of ys) {
      const part = excludedBy(A, compute(op, width, x, y))
      if (part !== undefined) return `${x} op ${y} is not in ${part}`
    }
  }
  return undefined
}

describe.each(both(arithmetic))('%s', (_, op, width) => {
  it('holds every result for all small ranges at the borders', () => {
    const ranges = rangesAtBorders(long ? 2 : 1)
    for (const xs of ranges) {
      for (const ys of ranges) {
        abstract(A, xs)
        abstract(B, ys)
        const wrong = missing(op, width, xs, ys)
        if (wrong !== undefined) expect({ xs, ys, wrong }).toEqual({ xs, ys, wrong: undefined })
      }
    }
  })

  it('holds every result of any two sets, and breaks no invariant', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        abstract(A, a.xs, a.known)
        abstract(B, b.xs, b.known)
        const source = words.slice(B, B + REG_WORDS)
        expect(missing(op, width, a.xs, b.xs)).toBeUndefined()
        expect(checkInvariants(words, A)).toBeUndefined()
        expect(words.slice(B, B + REG_WORDS)).toEqual(source)
      }),
      { numRuns },
    )
  })

  it('gives the same with the register as its own source', () => {
    fc.assert(
      fc.property(anySet, ({ xs, known }) => {
        abstract(A, xs, known)
        abstract(B, xs, known)
        abstract(C, xs, known)
        alu(words, A, B, op, width)
        alu(words, C, C, op, width)
        expect(load(C)).toEqual(load(A))
      }),
      { numRuns: numRuns / 10 },
    )
  })
})

describe.each(both(shifts))('%s', (_, op, width) => {
  it('holds every result by every amount', () => {
    for (const xs of rangesAtBorders(2)) {
      for (let by = 0n; by < BigInt(width); by++) {
        abstract(A, xs)
        abstract(B, [by])
        const wrong = missing(op, width, xs, [by])
        if (wrong !== undefined) expect({ xs, by, wrong }).toEqual({ xs, by, wrong: undefined })
      }
    }
  })

  it('holds every result of any set', () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: 0, max: width - 1 }), ({ xs, known }, by) => {
        abstract(A, xs, known)
        abstract(B, [BigInt(by)])
        expect(missing(op, width, xs, [BigInt(by)])).toBeUndefined()
      }),
      { numRuns },
    )
  })

  it('gives an unknown scalar by an amount that is not known or not below the width', () => {
    for (const amounts of [[0n, 1n], [BigInt(width)], [u64(-1n)], [1n << 32n], [1n, 1n + (1n << 32n)]]) {
      abstract(A, [5n])
      words[A + ID] = 3
      abstract(B, amounts)
      alu(words, A, B, op, width)
      expect([load(A).mask, load(A).umax, words[A + ID]]).toEqual([u64(-1n), u64(-1n), 0])
    }
  })
})

describe('other operations', () => {
  it.each([Op.DIV, Op.SDIV, Op.MOD, Op.SMOD])('division and remainder (%i) give an unknown scalar', (op) => {
    for (const width of [32, 64] as const) {
      abstract(A, [8n])
      abstract(B, [2n])
      words[A + ID] = 3
      alu(words, A, B, op, width)
      expect([load(A).mask, load(A).umax, words[A + ID]]).toEqual([u64(-1n), u64(-1n), 0])
    }
  })

  it.each([32, 64] as const)('negation of %i bits holds every result', (width) => {
    fc.assert(
      fc.property(anySet, ({ xs, known }) => {
        abstract(A, xs, known)
        negate(words, A, width)
        for (const x of xs) expect(excludedBy(A, BigInt.asUintN(width, -x))).toBeUndefined()
      }),
      { numRuns },
    )
  })

  it('swapping ends holds every result, folds constants, and drops the id', () => {
    const swap = (x: bigint, bits: number): bigint =>
      BigInt(
        `0x${BigInt.asUintN(bits, x)
          .toString(16)
          .padStart(bits / 4, '0')
          .match(/../g)!
          .reverse()
          .join('')}`,
      )
    const ends = fc.record({ op: fc.constantFrom(Op.LE, Op.BE, Op.BSWAP), bits: fc.constantFrom(16, 32, 64) })
    fc.assert(
      fc.property(anySet, ends, ({ xs, known }, { op, bits }) => {
        abstract(A, xs, known)
        words[A + ID] = 3
        swapEnds(words, A, op, bits as 16 | 32 | 64)
        for (const x of xs) {
          expect(excludedBy(A, op === Op.LE ? BigInt.asUintN(bits, x) : swap(x, bits))).toBeUndefined()
        }
        if (known === (Known.ALL | Known.SYNC) && xs.length === 1) expect(isConst(words, A)).toBe(true)
        expect(words[A + ID]).toBe(op === Op.LE && bits === 64 ? 3 : 0)
      }),
      { numRuns },
    )
  })

  it('pointer arithmetic holds every sum and difference', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        for (const [run, concrete] of [
          [addToPointer, (x: bigint, y: bigint) => x + y],
          [subFromPointer, (x: bigint, y: bigint) => x - y],
        ] as const) {
          abstract(A, a.xs, a.known & ~(Known.U32 | Known.S32))
          abstract(B, b.xs, b.known)
          run(words, C, A, B)
          for (const x of a.xs) for (const y of b.xs) expect(excludedBy(C, concrete(x, y))).toBeUndefined()
        }
      }),
      { numRuns },
    )
  })
})

describe('as Linux 6.18', () => {
  it('xor of a register with itself is unknown', () => {
    makeUnknown(words, A)
    alu(words, A, A, Op.XOR, 64)
    expect(load(A).mask).toBe(u64(-1n))
  })

  it('a shift by 32 keeps the signed bounds of the low half', () => {
    makeUnknown(words, A)
    store(A, { smin: -0x8000n, smax: 0x7fffn, s32min: -0x8000n, s32max: 0x7fffn })
    abstract(B, [32n])
    alu(words, A, B, Op.LSH, 64)
    expect(load(A)).toMatchObject({ smin: s64(0xffff_8000_0000_0000n), smax: 0x7fff_0000_0000n })
  })

  it('be16 of a byte', () => {
    makeUnknown(words, A)
    truncateTo(words, A, 1)
    swapEnds(words, A, Op.BE, 16)
    expect(load(A)).toMatchObject({ value: 0n, mask: 0xff00n, smin: 0n, umax: 0xff00n, u32max: 0xff00n })
  })
})

describe('forks', () => {
  it('apply to 0 or -1 with a constant, first by the 64-bit bounds', () => {
    makeUnknown(words, A)
    abstract(B, [7n])
    expect(forkWidth(words, A, B)).toBe(0)
    store(A, { s32min: -1n, s32max: 0n })
    expect(forkWidth(words, A, B)).toBe(32)
    store(A, { smin: -1n, smax: 0n })
    expect(forkWidth(words, A, B)).toBe(64)
    abstract(B, [7n, 8n])
    expect(forkWidth(words, A, B)).toBe(0)
  })

  it('set the whole register and unlink it, or the low half alone', () => {
    for (const value of [0, -1] as const) {
      makeUnknown(words, A)
      words[A + ID] = 3
      words[A + LINK] = 64
      words[A + OFF] = 5
      assumeForked(words, A, 64, value)
      setConst(words, B, value, value)
      expect(load(A)).toEqual(load(B))
      expect([words[A + ID], words[A + LINK], words[A + OFF]]).toEqual([0, 0, 0])
      makeUnknown(words, A)
      makeUnknown(words, C)
      assumeForked(words, A, 32, value)
      const { s32min, s32max, u32min, u32max } = load(B)
      const low = { value: BigInt(value >>> 0), mask: 0xffff_ffffn << 32n, s32min, s32max, u32min, u32max }
      expect(load(A)).toEqual({ ...load(C), ...low })
    }
  })
})
