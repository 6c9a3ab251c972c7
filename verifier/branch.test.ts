import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Op } from '../isa/table.ts'
import { predict } from './branch.ts'
import { refine } from './branch-refine.ts'
import {
  A,
  abstract,
  anySet,
  B,
  excludedBy,
  jumps,
  Known,
  load,
  long,
  rangesAtBorders,
  store,
  u64,
  words,
} from './scalar.fixtures.ts'
import { makeUnknown, setConst } from './scalar.ts'

const numRuns = long ? 8_000 : 800

const conditions = (
  ['JEQ', 'JNE', 'JGT', 'JGE', 'JLT', 'JLE', 'JSET', 'JSGT', 'JSGE', 'JSLT', 'JSLE'] as const
).flatMap((name): [string, Op, 32 | 64][] => [
  [`${name}64`, Op[name], 64],
  [`${name}32`, Op[name], 32],
])

interface Known2 {
  readonly xs: readonly bigint[]
  readonly known: number
}

/** Predicts and refines `a op b`; says what is wrong with the answers. */
function check(op: Op, width: 32 | 64, a: Known2, b: Known2): string | undefined {
  abstract(A, a.xs, a.known)
  abstract(B, b.xs, b.known)
  const prediction = predict(words, A, B, op, width)
  for (const outcome of [true, false]) {
    if (prediction === -1) {
      abstract(A, a.xs, a.known)
      abstract(B, b.xs, b.known)
      refine(words, A, B, op, width, outcome)
    }
    for (const x of a.xs) {
      for (const y of b.xs) {
        if (jumps(op, width, x, y) !== outcome) continue
        if (prediction !== -1 && (prediction === 1) !== outcome) return `${x} op ${y} is ${outcome}`
        const part = prediction === -1 ? (excludedBy(A, x) ?? excludedBy(B, y)) : undefined
        if (part !== undefined) return `${part} lost ${x} op ${y} being ${outcome}`
      }
    }
  }
  return undefined
}

describe.each(conditions)('%s', (name, op, width) => {
  it('is predicted and refined soundly for all small ranges at the borders', () => {
    const ranges = rangesAtBorders(long ? 2 : 1)
    for (const xs of ranges) {
      for (const ys of ranges) {
        const wrong = check(op, width, { xs, known: Known.ALL }, { xs: ys, known: Known.ALL })
        if (wrong !== undefined) expect({ xs, ys, wrong }).toEqual({ xs, ys, wrong: undefined })
      }
    }
  })

  it('is predicted and refined soundly for any two sets', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        expect(check(op, width, a, b)).toBeUndefined()
      }),
      { numRuns },
    )
  })

  it('is decided between any two constants', () => {
    for (const xs of rangesAtBorders(1).filter((r) => r.length === 1)) {
      for (const ys of rangesAtBorders(1).filter((r) => r.length === 1)) {
        abstract(A, xs)
        abstract(B, ys)
        expect([name, xs, ys, predict(words, A, B, op, width)]).toEqual([
          name,
          xs,
          ys,
          jumps(op, width, xs[0]!, ys[0]!) ? 1 : 0,
        ])
      }
    }
  })

  it('is not decided between unknown numbers', () => {
    makeUnknown(words, A)
    makeUnknown(words, B)
    expect(predict(words, A, B, op, width)).toBe(-1)
    expect(predict(words, A, A, op, width)).toBe(-1)
  })
})

describe('prediction', () => {
  it('of equality at 64 bits uses the low halves too', () => {
    makeUnknown(words, A)
    makeUnknown(words, B)
    store(A, { u32max: 4n })
    store(B, { u32min: 5n })
    expect([predict(words, A, B, Op.JEQ, 64), predict(words, A, B, Op.JNE, 64)]).toEqual([0, 1])
  })

  it('of JSET takes the constant from either side', () => {
    makeUnknown(words, A)
    store(A, { value: 1n, mask: 6n })
    for (const [bits, want] of [
      [1, 1],
      [2, -1],
      [8, 0],
    ] as const) {
      setConst(words, B, bits, 0)
      expect([predict(words, A, B, Op.JSET, 64), predict(words, B, A, Op.JSET, 64)]).toEqual([want, want])
    }
  })
})

/** Refines an unknown number against a constant. */
function refined(op: Op, width: 32 | 64, c: bigint, outcome: boolean): ReturnType<typeof load> {
  makeUnknown(words, A)
  abstract(B, [u64(c)])
  refine(words, A, B, op, width, outcome)
  return load(A)
}

describe('refinement of an unknown number, as Linux 6.18', () => {
  const top = u64(-1n)
  const greatest = (1n << 63n) - 1n
  it.each([
    ['JEQ64', Op.JEQ, 64, 5n, true, { umin: 5n, umax: 5n, smin: 5n, mask: 0n }],
    ['JNE64 at the edge of a range', Op.JNE, 64, 0n, true, { umin: 1n, umax: top }],
    ['JGT64', Op.JGT, 64, 7n, true, { umin: 8n, umax: top }],
    ['not JGT64', Op.JGT, 64, 7n, false, { umin: 0n, umax: 7n, smax: 7n, s32max: 7n, mask: 7n }],
    ['JLT64', Op.JLT, 64, 8n, true, { umax: 7n, mask: 7n }],
    ['JSGT64', Op.JSGT, 64, -1n, true, { smin: 0n, smax: greatest, umax: greatest, mask: greatest }],
    ['not JSGE64', Op.JSGE, 64, 0n, false, { smax: -1n, umin: 1n << 63n }],
    ['JSLT32', Op.JSLT, 32, 0n, true, { s32max: -1n, u32min: 0x8000_0000n, umax: top, value: 0x8000_0000n }],
    ['JSET64 of one bit', Op.JSET, 64, 4n, true, { value: 4n, mask: top - 4n, umin: 4n, u32min: 4n }],
    ['JSET64 of two bits', Op.JSET, 64, 6n, true, { value: 0n, mask: top, umin: 0n }],
    ['not JSET64', Op.JSET, 64, 4n, false, { value: 0n, mask: top - 4n, umax: top - 4n, smax: greatest - 4n }],
    ['not JSET32', Op.JSET, 32, 4n, false, { mask: top - 4n, u32max: 0xffff_fffbn, umax: top - 4n }],
  ] as const)('%s', (_, op, width, c, outcome, want) => {
    expect(refined(op, width, c, outcome)).toMatchObject(want)
  })

  it('forgets the range where no bit is set', () => {
    makeUnknown(words, A)
    store(A, { umax: 100n })
    abstract(B, [1n << 40n])
    refine(words, A, B, Op.JSET, 64, false)
    expect(load(A).umax).toBe(u64(-1n) - (1n << 40n))
  })

  it('lets both sides learn', () => {
    makeUnknown(words, A)
    makeUnknown(words, B)
    store(A, { umin: 10n })
    store(B, { umax: 20n })
    refine(words, A, B, Op.JLT, 64, true)
    expect([load(A).umax, load(B).umin]).toEqual([19n, 11n])
  })
})
