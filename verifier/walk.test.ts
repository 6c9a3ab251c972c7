/** Properties of the walk that hold for every program: random ones, without loops. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { RegType, TYPE } from './layout.ts'
import { brokenInvariant } from './scalar.ts'
import { isSpilled, REGISTERS, registerAt, type State, slotAt } from './state.ts'
import { judge, loadable, sourcesSeen } from './testing.ts'
import { transfer } from './transfer.ts'

const RUNS = process.env.HARENA_LONG === undefined ? 60 : 600

const register = fc.constantFrom('r0', 'r2', 'r3', 'r6', 'r7')
const constant = fc.constantFrom(0, 1, 2, 3, 5, 7, 8, 15, 16, 100, 255, -1, -8)
const offset = fc.integer({ min: 1, max: 4 }).map((n) => 8 * n)
const size = fc.constantFrom(8, 16, 32, 64)
const alu = fc.constantFrom('+=', '-=', '&=', '|=', '^=', '*=')
const compare = fc.constantFrom('==', '!=', '>', '<', 's>', 's<=', '&')

const statement: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(register, alu, constant).map(([a, op, k]) => `${a} ${op} ${k}`),
  fc.tuple(register, alu, register).map(([a, op, b]) => `${a} ${op} ${b}`),
  fc.tuple(register, register).map(([a, b]) => `${a} = ${b}`),
  fc.tuple(register, register).map(([a, b]) => `w${a.slice(1)} = w${b.slice(1)}`),
  fc.tuple(size, offset, register).map(([bits, off, a]) => `*(u${bits} *)(r10 - ${off}) = ${a}`),
  fc.tuple(register, size, offset).map(([a, bits, off]) => `${a} = *(u${bits} *)(r10 - ${off})`),
  // An offset that matters: it makes scalars precise, or the program is refused.
  fc.tuple(register, offset).map(([a, off]) => `r3 = r10; ${a} &= 7; r3 += ${a}; *(u8 *)(r3 - ${off}) = 1; r3 = 1`),
)

/** A branch skips the statements up to the next label. */
const block = fc.oneof(
  { weight: 2, arbitrary: statement.map((line) => [line]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(register, compare, constant, fc.array(statement, { minLength: 1, maxLength: 4 }))
      .map(([a, op, k, inside]) => [`if ${a} ${op} ${k} goto 1f`, ...inside, '1:']),
  },
)

const program = fc
  .array(block, { minLength: 3, maxLength: 14 })
  .map((blocks) =>
    [
      '.program p type=syscall',
      'r0 = *(u64 *)(r1 + 0)',
      'r2 = *(u8 *)(r1 + 8)',
      'r3 = 3',
      'r6 = r0',
      'r7 = *(u32 *)(r1 + 16)',
      ...blocks.flat(),
      'r0 = 0',
      'exit',
    ].join('\n'),
  )

describe('random programs', () => {
  test('pruning changes the cost, not the verdict', () => {
    fc.assert(
      fc.property(program, (source) => {
        const pruned = judge(loadable(source), { logLevel: 0 })
        const whole = judge(loadable(source), { logLevel: 0, prune: false })
        expect(pruned.accepted).toBe(whole.accepted)
        if (pruned.accepted && whole.accepted) {
          expect(pruned.program.stats.processed).toBeLessThanOrEqual(whole.program.stats.processed)
          expect([...pruned.program.flags]).toEqual([...whole.program.flags])
          expect([...pruned.program.access]).toEqual([...whole.program.access])
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('states stand on their own: no number contradicts itself, and r10 is the frame', () => {
    const check = (state: State): void => {
      for (const frame of state.frames) {
        expect(frame.words[registerAt(10) + TYPE]).toBe(RegType.STACK)
        const places = Array.from({ length: REGISTERS }, (_, n) => registerAt(n))
        for (let n = 0; n < frame.slots; n++) if (isSpilled(frame, n)) places.push(slotAt(n))
        for (const at of places) {
          if (frame.words[at + TYPE] === RegType.SCALAR) expect(brokenInvariant(frame.words, at)).toBeUndefined()
        }
      }
    }
    fc.assert(
      fc.property(program, (source) => {
        judge(loadable(source), { logLevel: 0, observer: (_slot, state) => check(state) })
      }),
      { numRuns: RUNS },
    )
  })

  test('two runs give the same log', () => {
    fc.assert(
      fc.property(program, (source) => {
        const log = (): string => judge(loadable(source), { logLevel: 2 }).log
        expect(log()).toBe(log())
      }),
      { numRuns: RUNS / 4 },
    )
  })
})

describe('the operations on scalars can be exchanged', () => {
  test('one that decides every branch leaves the other side unseen', () => {
    const source = '.program p type=syscall\nr0 = *(u64 *)(r1 + 0)\nif r0 > 5 goto 1f\nr0 = 1\n1:\nr0 = 0\nexit\n'
    const found = judge(loadable(source), { logLevel: 0, transfer: { ...transfer, predict: () => 1 } })
    if (!found.accepted) throw found.error
    expect([...found.program.flags]).toEqual([1, 1, 0, 1, 1])
  })
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(100)
  expect(await otherVerdicts(sources)).toEqual([])
})
