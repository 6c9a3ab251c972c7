/**
 * For tests: abstract registers made from concrete numbers, and what Linux's BPF computes on these, by BigInt.
 */
import fc from 'fast-check'
import { Op } from '../isa/table.ts'
import { fromBigInt, hi, toBigInt, toBigUint } from '../memory/int64.ts'
import {
  MASK_LO,
  REG_WORDS,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_LO,
} from './layout.ts'
import { makeUnknown } from './scalar.ts'
import { sync } from './scalar-sync.ts'

export const long: boolean = process.env.HARENA_LONG !== undefined

/** An array for four registers, and where they lie. */
export const words: Int32Array = new Int32Array(4 * REG_WORDS)
export const A = 0
export const B: number = REG_WORDS
export const C: number = 2 * REG_WORDS
export const D: number = 3 * REG_WORDS

export const u64 = (x: bigint): bigint => BigInt.asUintN(64, x)
export const s64 = (x: bigint): bigint => BigInt.asIntN(64, x)
export const u32 = (x: bigint): bigint => BigInt.asUintN(32, x)
export const s32 = (x: bigint): bigint => BigInt.asIntN(32, x)

/** A register's numbers: tnum, s64, u64, s32 and u32 bounds; those of the tnum and of u bounds not negative. */
export interface Parts {
  value: bigint
  mask: bigint
  smin: bigint
  smax: bigint
  umin: bigint
  umax: bigint
  s32min: bigint
  s32max: bigint
  u32min: bigint
  u32max: bigint
}

const WIDE = [
  ['value', VALUE_LO],
  ['mask', MASK_LO],
  ['smin', SMIN_LO],
  ['smax', SMAX_LO],
  ['umin', UMIN_LO],
  ['umax', UMAX_LO],
] as const
const NARROW = [
  ['s32min', S32MIN],
  ['s32max', S32MAX],
  ['u32min', U32MIN],
  ['u32max', U32MAX],
] as const

export function store(at: number, parts: Partial<Parts>): void {
  for (const [name, offset] of WIDE) {
    const x = parts[name]
    if (x === undefined) continue
    words[at + offset] = fromBigInt(x)
    words[at + offset + 1] = hi
  }
  for (const [name, offset] of NARROW) {
    const x = parts[name]
    if (x !== undefined) words[at + offset] = Number(s32(x))
  }
}

export function load(at: number): Parts {
  const wide = (offset: number): bigint => toBigUint(words[at + offset]!, words[at + offset + 1]!)
  const signed = (offset: number): bigint => toBigInt(words[at + offset]!, words[at + offset + 1]!)
  return {
    value: wide(VALUE_LO),
    mask: wide(MASK_LO),
    smin: signed(SMIN_LO),
    smax: signed(SMAX_LO),
    umin: wide(UMIN_LO),
    umax: wide(UMAX_LO),
    s32min: BigInt(words[at + S32MIN]!),
    s32max: BigInt(words[at + S32MAX]!),
    u32min: BigInt(words[at + U32MIN]! >>> 0),
    u32max: BigInt(words[at + U32MAX]! >>> 0),
  }
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const least = (xs: readonly bigint[]): bigint => xs.toSorted(order)[0]!
const greatest = (xs: readonly bigint[]): bigint => xs.toSorted(order).at(-1)!

/** Parts of an abstract register: which of them to know from a set of numbers, the others staying unknown. */
export const Known = { TNUM: 1, U64: 2, S64: 4, U32: 8, S32: 16, ALL: 31, SYNC: 32 } as const

/** Makes the register at `at` hold the numbers `xs`, as tightly as the parts in `known` can. */
export function abstract(at: number, xs: readonly bigint[], known: number = Known.ALL): void {
  makeUnknown(words, at)
  const us = xs.map(u64)
  const ss = xs.map(s64)
  const us32 = xs.map(u32)
  const ss32 = xs.map(s32)
  const mask = us.reduce((m, x) => m | (x ^ us[0]!), 0n)
  if ((known & Known.TNUM) !== 0) store(at, { value: us[0]! & ~mask, mask })
  if ((known & Known.U64) !== 0) store(at, { umin: least(us), umax: greatest(us) })
  if ((known & Known.S64) !== 0) store(at, { smin: least(ss), smax: greatest(ss) })
  if ((known & Known.U32) !== 0) store(at, { u32min: least(us32), u32max: greatest(us32) })
  if ((known & Known.S32) !== 0) store(at, { s32min: least(ss32), s32max: greatest(ss32) })
  if ((known & Known.SYNC) !== 0) sync(words, at)
}

/** Which part of the register at `at` does not hold `x`; undefined when all do. */
export function excludedBy(at: number, x: bigint): string | undefined {
  const lo = fromBigInt(x)
  const high = hi
  const w = words
  if ((lo & ~w[at + MASK_LO]!) !== w[at + VALUE_LO] || (high & ~w[at + MASK_LO + 1]!) !== w[at + VALUE_LO + 1]) {
    return 'tnum'
  }
  const p = load(at)
  const [u, s, low, slow] = [u64(x), s64(x), u32(x), s32(x)]
  if (u < p.umin || u > p.umax) return 'u64'
  if (s < p.smin || s > p.smax) return 's64'
  if (low < p.u32min || low > p.u32max) return 'u32'
  return slow < p.s32min || slow > p.s32max ? 's32' : undefined
}

/** What an ALU instruction computes (RFC 9669, section 4.1), as u64. */
export function compute(op: Op, width: 32 | 64, a: bigint, b: bigint): bigint {
  const u = (x: bigint): bigint => BigInt.asUintN(width, x)
  const s = (x: bigint): bigint => BigInt.asIntN(width, x)
  const by = b & BigInt(width - 1)
  switch (op) {
    case Op.ADD:
      return u(a + b)
    case Op.SUB:
      return u(a - b)
    case Op.MUL:
      return u(a * b)
    case Op.AND:
      return u(a & b)
    case Op.OR:
      return u(a | b)
    case Op.XOR:
      return u(a ^ b)
    case Op.LSH:
      return u(a << by)
    case Op.RSH:
      return u(a) >> by
    case Op.ARSH:
      return u(s(a) >> by)
    default:
      throw new RangeError(`no ALU operation ${op}`)
  }
}

/** Whether a conditional jump is taken (RFC 9669, section 4.3). */
export function jumps(op: Op, width: 32 | 64, x: bigint, y: bigint): boolean {
  const [a, b] = [BigInt.asUintN(width, x), BigInt.asUintN(width, y)]
  const [p, q] = [BigInt.asIntN(width, x), BigInt.asIntN(width, y)]
  switch (op) {
    case Op.JEQ:
      return a === b
    case Op.JNE:
      return a !== b
    case Op.JGT:
      return a > b
    case Op.JGE:
      return a >= b
    case Op.JLT:
      return a < b
    case Op.JLE:
      return a <= b
    case Op.JSET:
      return (a & b) !== 0n
    case Op.JSGT:
      return p > q
    case Op.JSGE:
      return p >= q
    case Op.JSLT:
      return p < q
    case Op.JSLE:
      return p <= q
    default:
      throw new RangeError(`no jump ${op}`)
  }
}

/** Where signs, halves and the number space itself end. */
export const borders: readonly bigint[] = [0n, 1n << 31n, 1n << 32n, 3n << 31n, 1n << 63n, (1n << 63n) | (1n << 31n)]

/** Every range of consecutive numbers within `reach` of a border. */
export function rangesAtBorders(reach: number): bigint[][] {
  const ranges: bigint[][] = []
  for (const border of borders) {
    for (let from = -reach; from <= reach; from++) {
      for (let to = from; to <= reach; to++) {
        ranges.push(Array.from({ length: to - from + 1 }, (_, i) => u64(border + BigInt(from + i))))
      }
    }
  }
  return ranges
}

/** Numbers near borders, small ones, and any. */
export const anyNumber: fc.Arbitrary<bigint> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...borders, 1n << 15n, 1n << 8n, 1n << 16n), fc.integer({ min: -9, max: 9 }))
    .map(([x, d]) => u64(x + BigInt(d))),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.integer({ min: 0, max: 63 }))
    .map(([x, n]) => x >> BigInt(n)),
)

/** A set of numbers, and the parts by which a register knows it. */
export const anySet: fc.Arbitrary<{ xs: bigint[]; known: number }> = fc.record({
  xs: fc
    .tuple(anyNumber, fc.array(fc.oneof(anyNumber, fc.bigInt({ min: -20n, max: 20n })), { maxLength: 5 }))
    .map(([x, more]) => [x, ...more.map((d) => u64(x + d))]),
  known: fc.oneof(fc.constant(Known.ALL | Known.SYNC), fc.integer({ min: 0, max: 63 })),
})
