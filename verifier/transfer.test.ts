/**
 * Breaks one operation after another in a copy of the transfer functions: a run of random straight-line programs,
 * each checked against concrete runs of it, must notice every one.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Op } from '../isa/table.ts'
import {
  A,
  abstract,
  anyNumber,
  B,
  C,
  compute,
  excludedBy,
  jumps,
  load,
  long,
  s64,
  store,
  u32,
  u64,
  words,
} from './scalar.fixtures.ts'
import { copyValue } from './scalar.ts'
import { sync } from './scalar-sync.ts'
import { type Transfer, transfer } from './transfer.ts'

/** One step on the registers at A and B, abstract and, on a pair of numbers, concrete; undefined ends that run. */
interface Step {
  readonly name: string
  readonly run: (t: Transfer) => void
  readonly concrete: (a: bigint, b: bigint) => [bigint, bigint] | undefined
}

const ops = fc.constantFrom('ADD', 'SUB', 'MUL', 'AND', 'OR', 'XOR')
const width = fc.constantFrom(32, 64) as fc.Arbitrary<32 | 64>

const aluStep = fc.tuple(ops, width).map(
  ([name, bits]): Step => ({
    name: `${name}${bits}`,
    run: (t) => t.alu(words, A, B, Op[name], bits),
    concrete: (a, b) => [compute(Op[name], bits, a, b), b],
  }),
)

const jumpNames = fc.constantFrom('JEQ', 'JNE', 'JGT', 'JLE', 'JSET', 'JSGT', 'JSGE', 'JSLT', 'JSLE')
const branchStep = fc.tuple(jumpNames, width, fc.boolean()).map(
  ([name, bits, outcome]): Step => ({
    name: `${name}${bits} ${outcome}`,
    run: (t) => {
      const prediction = t.predict(words, A, B, Op[name], bits)
      if (prediction === -1) t.refine(words, A, B, Op[name], bits, outcome)
      // Some concrete run has this outcome, or the step would not be executed.
      else if ((prediction === 1) !== outcome) throw new Error(`prediction is wrong after ${name}`)
    },
    concrete: (a, b) => (jumps(Op[name], bits, a, b) === outcome ? [a, b] : undefined),
  }),
)

/** Storing `bytes` of A and loading them back, keeping what is known where nothing is lost. */
const spillStep = fc.constantFrom(1, 2, 4).map(
  (bytes): Step => ({
    name: `spill and fill ${bytes}`,
    run: (t) => {
      if (!t.fitsUnsigned(words, A, bytes * 8)) t.truncateTo(words, A, bytes)
    },
    concrete: (a, b) => [BigInt.asUintN(bytes * 8, a), b],
  }),
)

const signStep = fc.constantFrom(1, 2, 4).map(
  (bytes): Step => ({
    name: `sign-extending load ${bytes}`,
    run: (t) => {
      t.truncateTo(words, A, bytes)
      t.signExtend64(words, A, bytes)
    },
    concrete: (a, b) => [u64(BigInt.asIntN(bytes * 8, a)), b],
  }),
)

const otherSteps = fc.constantFrom<Step>(
  { name: 'zext', run: (t) => t.zeroExtend32(words, A), concrete: (a, b) => [u32(a), b] },
  { name: 'neg', run: (t) => t.negate(words, A, 64), concrete: (a, b) => [u64(-a), b] },
  {
    name: 'swap',
    run: () => {
      copyValue(words, C, words, A)
      copyValue(words, A, words, B)
      copyValue(words, B, words, C)
    },
    concrete: (a, b) => [b, a],
  },
)

const program = fc.record({
  starts: fc.array(fc.tuple(anyNumber, anyNumber), { minLength: 1, maxLength: 4 }),
  near: fc.boolean(),
  steps: fc.array(fc.oneof(aluStep, aluStep, branchStep, branchStep, spillStep, signStep, otherSteps), {
    minLength: 1,
    maxLength: 8,
  }),
})

/** Runs random programs; the first step after which a concrete run is outside its abstract registers. */
function findUnsound(t: Transfer, numRuns: number, seed?: number): string | undefined {
  const result = fc.check(
    fc.property(program, ({ starts, near, steps }) => {
      const [first] = starts
      let runs = near ? starts.map(([a, b], i): [bigint, bigint] => [u64(first![0] + BigInt(i) * (a & 3n)), b]) : starts
      abstract(
        A,
        runs.map(([a]) => a),
      )
      abstract(
        B,
        runs.map(([, b]) => b),
      )
      for (const step of steps) {
        runs = runs.flatMap(([a, b]) => [step.concrete(a, b)].filter((pair) => pair !== undefined))
        if (runs.length === 0) return
        step.run(t)
        for (const [a, b] of runs) {
          const part = excludedBy(A, a) ?? excludedBy(B, b)
          if (part !== undefined) throw new Error(`${part} is wrong after ${step.name}`)
        }
      }
    }),
    { numRuns, ...(seed === undefined ? {} : { seed }) },
  )
  if (!result.failed) return undefined
  const cause = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance)
  return `${cause} (seed ${result.seed}, path ${result.counterexamplePath})`
}

const broken: readonly [string, Partial<Transfer>][] = [
  [
    'a tnum addition without carries',
    {
      alu: (w, dst, src, op, bits) => {
        const [a, b] = [load(dst), load(src)]
        transfer.alu(w, dst, src, op, bits)
        if (op !== Op.ADD || bits !== 64) return
        const mask = a.mask | b.mask
        store(dst, { value: u64(a.value + b.value) & ~mask, mask })
        sync(w, dst)
      },
    },
  ],
  [
    '32-bit bounds left as they were by a 64-bit addition',
    {
      alu: (w, dst, src, op, bits) => {
        const { s32min, s32max, u32min, u32max } = load(dst)
        transfer.alu(w, dst, src, op, bits)
        if (op === Op.ADD && bits === 64) store(dst, { s32min, s32max, u32min, u32max })
      },
    },
  ],
  [
    'JSGT that excludes one number too many',
    {
      refine: (w, a, b, op, bits, outcome) => {
        transfer.refine(w, a, b, op, bits, outcome)
        if (op === Op.JSGT && bits === 64 && outcome) store(a, { smin: s64(load(a).smin + 1n) })
      },
    },
  ],
  [
    'a spill that keeps a value one byte too wide',
    { fitsUnsigned: (w, at, bits) => transfer.fitsUnsigned(w, at, bits + 8) },
  ],
  [
    'a sign-extending load that extends with zeros',
    {
      signExtend64: () => {
        // What truncation left is taken for the result.
      },
    },
  ],
  ['a zero extension that keeps the upper half', { zeroExtend32: (w, at) => sync(w, at) }],
  [
    'predictions of JSGT as if it were JGT',
    { predict: (w, a, b, op, bits) => transfer.predict(w, a, b, op === Op.JSGT ? Op.JGT : op, bits) },
  ],
]

describe('checking against concrete runs', () => {
  it('finds nothing wrong with the transfer functions', () => {
    expect(findUnsound(transfer, long ? 50_000 : 5_000)).toBeUndefined()
  })

  it.each(broken)('finds %s', (_, parts) => {
    expect(findUnsound({ ...transfer, ...parts }, 20_000, 1)).toMatch(/wrong after/)
  })
})
