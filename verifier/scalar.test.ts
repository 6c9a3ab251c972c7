import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBigInt, hi, toBigUint } from '../memory/int64.ts'
import { ID, LINK, OFF, PRECISE, REG_WORDS, RegType, SUBREG_DEF, TYPE } from './layout.ts'
import { A, abstract, anySet, B, C, excludedBy, Known, load, long, store, u32, u64, words } from './scalar.fixtures.ts'
import * as scalar from './scalar.ts'
import { nextHi, nextInTnum, sync } from './scalar-sync.ts'
import { signExtend32, signExtend64, truncateTo, zeroExtend32 } from './scalar-width.ts'

const numRuns = long ? 8_000 : 800
const M32 = 0xffff_ffffn

const unknown = {
  value: 0n,
  mask: u64(-1n),
  smin: -(1n << 63n),
  smax: (1n << 63n) - 1n,
  umin: 0n,
  umax: u64(-1n),
  s32min: -(1n << 31n),
  s32max: (1n << 31n) - 1n,
  u32min: 0n,
  u32max: M32,
}

function constant(x: bigint): typeof unknown {
  const s = BigInt.asIntN(64, x)
  const s32 = BigInt.asIntN(32, x)
  const u = u64(x)
  const low = u32(x)
  return { value: u, mask: 0n, smin: s, smax: s, umin: u, umax: u, s32min: s32, s32max: s32, u32min: low, u32max: low }
}

describe('records', () => {
  it('become an unknown or a constant scalar, keeping only the definition as 32 bits', () => {
    for (const [make, parts] of [
      [() => scalar.makeUnknown(words, A), unknown],
      [() => scalar.makeConst(words, A, -2, -1), constant(-2n)],
    ] as const) {
      words.fill(7, A, A + REG_WORDS)
      make()
      expect(load(A)).toEqual(parts)
      expect([words[A + TYPE], words[A + ID], words[A + PRECISE]]).toEqual([RegType.SCALAR, 0, 0])
      expect(words[A + SUBREG_DEF]).toBe(7)
    }
  })

  it('are copied whole or by value', () => {
    words.fill(1, A, A + REG_WORDS)
    scalar.makeConst(words, B, 5, 0)
    scalar.copyValue(words, A, words, B)
    expect(load(A)).toEqual(constant(5n))
    expect(words[A + ID]).toBe(1)
    scalar.clearId(words, A)
    expect([words[A + ID], words[A + OFF], words[A + LINK]]).toEqual([0, 0, 0])
    words[B + ID] = 9
    scalar.copyReg(words, C, words, B)
    expect([...words.subarray(C, C + REG_WORDS)]).toEqual([...words.subarray(B, B + REG_WORDS)])
  })

  it('tell constants and widths', () => {
    abstract(A, [3n])
    expect([scalar.isConst(words, A), scalar.isConst32(words, A), scalar.isConstValue(words, A, 3)]).toEqual([
      true,
      true,
      true,
    ])
    expect(scalar.isConstValue(words, A, 4)).toBe(false)
    abstract(A, [u64(-3n)])
    expect(scalar.isConstValue(words, A, -3)).toBe(true)
    abstract(A, [3n, 0x1_0000_0003n])
    expect([scalar.isConst(words, A), scalar.isConst32(words, A), scalar.isConstValue(words, A, 3)]).toEqual([
      false,
      true,
      false,
    ])
    for (const [max, bits] of [
      [0n, 1],
      [255n, 8],
      [256n, 9],
      [M32, 32],
      [1n << 32n, 33],
      [u64(-1n), 64],
    ] as const) {
      store(A, { umax: max })
      expect(scalar.fitsUnsigned(words, A, bits)).toBe(true)
      if (bits > 1) expect(scalar.fitsUnsigned(words, A, bits - 1)).toBe(false)
    }
  })
})

describe('invariants', () => {
  it.each([
    [{ umin: 2n, umax: 1n }, 'bounds'],
    [{ smin: 0n, smax: -1n }, 'bounds'],
    [{ u32min: M32, u32max: 0n }, 'bounds'],
    [{ s32min: 1n, s32max: 0n }, 'bounds'],
    [{ value: 4n, mask: 0n, umin: 3n }, 'const64'],
    [{ value: 4n, mask: M32 << 32n, s32max: 5n }, 'const32'],
  ] as const)('%o breaks %s', (parts, kind) => {
    scalar.makeUnknown(words, A)
    store(A, parts)
    expect(scalar.brokenInvariant(words, A)).toBe(kind)
    const { value, mask } = load(A)
    const { kind: found, ...numbers } = scalar.checkInvariants(words, A)!
    expect(found).toBe(kind)
    const shown = Object.fromEntries(Object.entries(numbers).map(([name, x]) => [name, BigInt(x)]))
    expect(shown).toEqual({ ...unknown, ...parts, value, mask })
    expect(load(A)).toEqual({ ...unknown, value, mask })
  })

  it('hold for whatever comes from numbers', () => {
    fc.assert(
      fc.property(anySet, ({ xs }) => {
        abstract(A, xs, Known.ALL | Known.SYNC)
        expect(scalar.checkInvariants(words, A)).toBeUndefined()
      }),
      { numRuns },
    )
  })
})

describe('sync', () => {
  it('keeps every number, and only tightens', () => {
    fc.assert(
      fc.property(anySet, ({ xs, known }) => {
        abstract(A, xs, known & ~Known.SYNC)
        const before = load(A)
        sync(words, A)
        for (const x of xs) expect(excludedBy(A, x)).toBeUndefined()
        const after = load(A)
        for (const name of ['umin', 'smin', 'u32min', 's32min'] as const) expect(after[name] >= before[name]).toBe(true)
        for (const name of ['umax', 'smax', 'u32max', 's32max'] as const) expect(after[name] <= before[name]).toBe(true)
        expect(after.mask & ~before.mask).toBe(0n)
      }),
      { numRuns },
    )
  })

  it.each([
    ['a range of the tnum with one member', { value: 0n, mask: ~15n, umin: 16n, umax: 17n }, constant(16n)],
    ['the greatest member alone', { value: 0n, mask: 0xff0n, umin: 0xfe1n, umax: 0x2000n }, constant(0xff0n)],
    ['the next member alone', { value: 0n, mask: ~15n, umin: 17n, umax: 40n }, constant(32n)],
    ['nothing known', {}, unknown],
  ] as const)('%s', (_, parts, want) => {
    scalar.makeUnknown(words, A)
    store(A, parts)
    sync(words, A)
    expect(load(A)).toEqual(want)
  })

  it('takes u32 from an s32 range that crosses 0', () => {
    scalar.makeUnknown(words, A)
    store(A, { s32min: -8n, s32max: 7n, u32max: 100n })
    sync(words, A)
    expect(load(A)).toMatchObject({ u32min: 0n, u32max: 7n, s32min: 0n, s32max: 7n })
    scalar.makeUnknown(words, A)
    store(A, { s32min: -8n, s32max: 7n, u32min: 100n })
    sync(words, A)
    expect(load(A)).toMatchObject({ u32min: M32 - 7n, u32max: M32, s32min: -8n, s32max: -1n })
  })

  it.each([0, 30, 61])('finds the next member of every small tnum at bit %i', (shift) => {
    const by = BigInt(shift)
    for (let mask = 0n; mask < 8n; mask++) {
      for (let value = 0n; value < 8n; value++) {
        if ((value & mask) !== 0n) continue
        const members = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n].filter((x) => (x & ~mask) === value).map((x) => x << by)
        for (let z = 0n; z < 8n; z++) {
          for (const near of [-1n, 0n, 1n]) {
            const from = u64((z << by) + near)
            const want = members.find((x) => x > from) ?? members.at(-1)!
            const fromLo = fromBigInt(from)
            const fromHi = hi
            const maskLo = fromBigInt(mask << by)
            const maskHi = hi
            const lo = nextInTnum(fromBigInt(value << by), hi, maskLo, maskHi, fromLo, fromHi)
            expect([value, mask, from, toBigUint(lo, nextHi)]).toEqual([value, mask, from, want])
          }
        }
      }
    }
  })
})

const sign = (x: bigint, bytes: number): bigint => BigInt.asIntN(8 * bytes, x)
type Width = [name: string, run: () => void, concrete: (x: bigint) => bigint]
const widths: readonly Width[] = [
  ['zeroExtend32', () => zeroExtend32(words, A), u32],
  ...[1, 2, 4].map((n): Width => [`truncateTo ${n}`, () => truncateTo(words, A, n), (x) => BigInt.asUintN(8 * n, x)]),
  ...[1, 2, 4].map((n): Width => [`signExtend64 ${n}`, () => signExtend64(words, A, n), (x) => sign(x, n)]),
  ...[1, 2].map((n): Width => [`signExtend32 ${n}`, () => signExtend32(words, A, n), (x) => u32(sign(x, n))]),
]

describe('widths', () => {
  it.each(widths)('%s holds every result', (_, run, concrete) => {
    fc.assert(
      fc.property(anySet, ({ xs, known }) => {
        abstract(A, xs, known)
        run()
        for (const x of xs) expect([x, excludedBy(A, concrete(x))]).toEqual([x, undefined])
      }),
      { numRuns },
    )
  })

  it.each(widths)('%s folds constants', (_, run, concrete) => {
    for (const x of [0n, 0x7fn, 0x80n, 0xffffn, 0x8000_0000n, 0x1234_5678_9abc_def0n, u64(-1n)]) {
      abstract(A, [x])
      run()
      expect(load(A)).toEqual(constant(concrete(x)))
    }
  })

  it('a sign-extended byte is not synced', () => {
    abstract(A, [0n, 255n])
    signExtend64(words, A, 1)
    expect(load(A)).toEqual({ ...unknown, smin: -128n, smax: 127n, s32min: -128n, s32max: 127n })
  })

  it('a range of one sign survives sign extension', () => {
    abstract(A, [0x1_0080n, 0x1_0090n], Known.ALL)
    signExtend64(words, A, 1)
    expect(load(A)).toMatchObject({ smin: -128n, smax: -112n, umin: u64(-128n), s32max: -112n })
  })
})
