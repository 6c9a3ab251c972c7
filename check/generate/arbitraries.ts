/** fast-check arbitraries of recipes and of the programs written from them. */
import fc from 'fast-check'
import { isAccepted } from './is-accepted.ts'
import { MUTATIONS, mutate } from './mutate.ts'
import {
  ALU_OPS,
  ATOMIC_OPS,
  type Condition,
  type FunctionRecipe,
  JUMP_OPS,
  type MemoryAccess,
  type Operand,
  type ProgramRecipe,
  type Step,
  UNARY_OPS,
  WIDTHS,
} from './recipe.ts'
import { type GeneratedProgram, writeProgram } from './write-program.ts'

export const pick: fc.Arbitrary<number> = fc.nat(0xffff)
const width = fc.constantFrom(...WIDTHS)

/** Signed 32-bit numbers, those at which bounds and widths turn more often than not. */
export const immediate: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -4, max: 64 }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: -1, max: 1 }), fc.boolean())
      .map(([bit, by, negative]) => ((negative ? -1 : 1) * 2 ** bit + by) | 0),
  },
  { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
)

/** Unsigned 64-bit numbers of the same kind. */
export const word: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 3, arbitrary: immediate.map((value) => BigInt.asUintN(64, BigInt(value))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
      .map(([bit, by, negative]) => BigInt.asUintN(64, (negative ? -1n : 1n) * 2n ** BigInt(bit) + BigInt(by))),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
)

const register: fc.Arbitrary<Operand> = fc.record({ kind: fc.constant('reg' as const), pick })
const operand: fc.Arbitrary<Operand> = fc.oneof(
  register,
  fc.record({ kind: fc.constant('imm' as const), value: immediate }),
)

const condition: fc.Arbitrary<Condition> = fc.record({
  op: fc.constantFrom(...JUMP_OPS),
  wide: fc.boolean(),
  left: pick,
  right: operand,
})

export const access: fc.Arbitrary<MemoryAccess> = fc.record({
  op: fc.constantFrom('load', 'load', 'store', 'store', 'store-imm', 'atomic', 'atomic', 'acquire', 'release'),
  atomic: fc.constantFrom(...ATOMIC_OPS),
  width,
  signed: fc.boolean(),
  offset: fc.oneof(fc.nat(64), fc.nat(4200)),
  index: fc.option(pick, { nil: undefined, freq: 2 }),
  value: operand,
  dst: pick,
})

const kind = <K extends Step['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name)

/** Steps that hold no others. Weights: what the verifier finds hard comes more often, as does what makes it possible. */
const simple: readonly fc.WeightedArbitrary<Step>[] = [
  {
    weight: 8,
    arbitrary: fc.record({
      kind: kind('alu'),
      op: fc.constantFrom(...ALU_OPS, '+' as const, '&' as const, '-' as const),
      wide: fc.boolean(),
      dst: pick,
      src: operand,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('unary'),
      op: fc.constantFrom(...UNARY_OPS, 'neg' as const),
      wide: fc.boolean(),
      dst: pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('move'),
      wide: fc.boolean(),
      signed: fc.constantFrom(0, 0, 8, 16, 32),
      dst: pick,
      src: operand,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('constant'), dst: pick, value: word }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('input'),
      from: fc.constantFrom('context', 'global'),
      dst: pick,
      index: pick,
      width,
      signed: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('guard'), condition, value: immediate }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('spill'),
      src: pick,
      slot: pick,
      width: fc.constantFrom(...WIDTHS, 64 as const),
      offset: fc.constantFrom(0, 0, 0, 4, 5, 6),
      value: fc.oneof({ weight: 2, arbitrary: register }, { weight: 1, arbitrary: operand }),
      refill: fc.constantFrom(0, 0, 0, ...WIDTHS),
      dst: pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('fill'),
      dst: pick,
      slot: pick,
      width,
      offset: fc.oneof(fc.constant(0), fc.nat(7)),
      signed: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('stack-index'), slot: pick, index: pick, access }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('point'),
      dst: pick,
      to: fc.constantFrom('global', 'arena', 'arena', 'context', 'buffer'),
      at: pick,
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: kind('access'), through: pick, access }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('lookup'), key: operand, accesses: fc.array(access, { maxLength: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('update'), remove: fc.boolean(), key: operand, flags: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('cast'), dst: pick, src: pick, toUser: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('arena-page'), free: fc.boolean(), page: fc.nat(8), count: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('helper'), name: fc.constantFrom('time', 'random', 'cpu') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('call'),
      func: pick,
      args: fc.array(pick, { minLength: 3, maxLength: 3 }),
    }),
  },
]

/** Steps that may hold others, `depth` levels deep; `more` beside those of every program. */
function step(depth: number, more: readonly fc.WeightedArbitrary<Step>[] = []): fc.Arbitrary<Step> {
  if (depth === 0) return fc.oneof(...simple, ...more)
  const block = fc.array(step(depth - 1, more), { maxLength: 4 })
  const branch: fc.Arbitrary<Step> = fc.record({ kind: kind('branch'), condition, taken: block, otherwise: block })
  const loop: fc.Arbitrary<Step> = fc.record({
    kind: kind('loop'),
    style: fc.constantFrom('up', 'down', 'input', 'may_goto'),
    count: fc.nat(12),
    body: block,
  })
  return fc.oneof(...simple, ...more, { weight: 6, arbitrary: branch }, { weight: 3, arbitrary: loop })
}

/** Bodies are short: the verifier walks a static function anew at each call. */
const functionRecipe: fc.Arbitrary<FunctionRecipe> = fc.record({
  params: fc.array(fc.constantFrom('scalar', 'scalar', 'arena', 'buffer'), { maxLength: 3 }),
  body: fc.array(step(1), { maxLength: 8 }),
})

const functions = fc.array(functionRecipe, { maxLength: 2 })

export const programRecipe: fc.Arbitrary<ProgramRecipe> = recipeOf([])

/** Recipes whose main function has steps of `more` too. */
export function recipeOf(more: readonly fc.WeightedArbitrary<Step>[]): fc.Arbitrary<ProgramRecipe> {
  return fc.record({ body: fc.array(step(2, more), { minLength: 1, maxLength: 20, size: 'max' }), functions })
}

/** Programs that the verifier is to accept. */
export const validProgram: fc.Arbitrary<GeneratedProgram> = programRecipe.map((recipe) => writeProgram(recipe))

/** Programs with one thing changed that were valid before. */
export const mutantProgram: fc.Arbitrary<GeneratedProgram> = mutantOf(validProgram)

/** What is changed was accepted, so that what a mutant is refused for is its change. */
export function mutantOf(program: fc.Arbitrary<GeneratedProgram>): fc.Arbitrary<GeneratedProgram> {
  const choice = fc.record({ mutation: fc.constantFrom(...MUTATIONS), line: pick, part: fc.nat(7), value: fc.nat(99) })
  const accepted = program.filter(({ text }) => isAccepted(text))
  const mutant = fc.tuple(accepted, choice).map(([valid, chosen]) => mutate(valid, chosen))
  return mutant.filter(({ classes }) => classes.includes('mutant'))
}
