/**
 * Compilers with a mistake, each of which has to be found by the programs that aim at the ends of pages or by the mixed
 * ones. What programs give on the interpreter is found out once, and so is what the verifier says of them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jit } from '../jit/engine.ts'
import type { Answer, Question } from '../linux/question.ts'
import { pooledMemories, takeMemory } from '../memory/pool.ts'
import type { VerifiedProgram } from '../program/loadable.ts'
import { verify } from '../verifier/verify.ts'
import type { Engine } from '../vm/engine.ts'
import { interpreter } from '../vm/interpreter-engine.ts'
import { MachineCore } from '../vm/machine.ts'
import type { MachineParts } from '../vm/options.ts'
import { COMPILER_MUTANTS } from './compiler-mutants.ts'
import { compareEngines } from './differential/compare.ts'
import { answerOfMachine } from './differential/harena.ts'
import { questionOf } from './differential/pose.ts'
import { type Candidate, candidates, edgeCandidates, inputsFor } from './differential/programs.ts'
import { mutantEngine } from './mutant-engine.ts'
import { testCount } from './seed.ts'

/** Always the same: which mistakes so few programs find depends on it. */
const SEED = 77
const LONG: boolean = process.env.HARENA_LONG !== undefined
/** Programs that aim at the ends of pages, and mixed ones. */
const EDGES: number = testCount(160, 4000)
const MIXED: number = testCount(40, 1000)

const MINUTES = 60_000

interface Known {
  readonly question: Question
  readonly interpreter: Answer
  /** What the verifier has found of the program, which is no mutant's business. */
  verified: VerifiedProgram | undefined
}

function run(engine: Engine, question: Question, known: Pick<Known, 'verified'>): Answer {
  const once: MachineParts['verify'] = (program, options) => {
    known.verified ??= verify(program, options)
    return { ...known.verified, program }
  }
  try {
    return answerOfMachine(new MachineCore({ cpus: 2 }, { engines: [engine], verify: once }), question)
  } catch (error) {
    // What a wrong compiler makes need not even be a module.
    return { verdict: 'none', message: String(error) }
  }
}

/** Made as they are asked for. */
class Corpus {
  readonly #known: Known[] = []
  readonly #stream: Generator<Candidate>

  constructor() {
    this.#stream = both()
  }

  *[Symbol.iterator](): Generator<Known> {
    for (let at = 0; at < EDGES + MIXED; at++) {
      while (this.#known.length <= at) this.#add()
      yield this.#known[at]!
    }
  }

  #add(): void {
    const { value: candidate } = this.#stream.next() as { readonly value: Candidate }
    const question = questionOf(candidate, inputsFor(candidate, SEED))
    const made = { question, verified: undefined }
    const answer = run(interpreter, question, made)
    if (candidate.comparable && answer.verdict === 'accepted') this.#known.push({ ...made, interpreter: answer })
  }
}

/** Of five, four that aim at the ends of pages. */
function* both(): Generator<Candidate, never> {
  const [edges, mixed] = [edgeCandidates(SEED), candidates(SEED)]
  for (let n = 0; ; n++) yield (n % 5 === 4 ? mixed : edges).next().value
}

const corpus: Corpus = new Corpus()

/** Number of the first program that finds an engine out; undefined when none does. */
function findsOut(engine: Engine): number | undefined {
  let number = 0
  for (const known of corpus) {
    const { question, interpreter: expected } = known
    if (compareEngines({ interpreter: expected, jit: run(engine, question, known) }) !== undefined) return number
    number++
  }
  return undefined
}

/** Wrong compilers write where no page is, and nobody else clears that: their memories are not to be used again. */
function forgetMemories(): void {
  while (pooledMemories() > 0) takeMemory()
}

describe('of the mistakes a compiler may have', { timeout: testCount(3, 30) * MINUTES }, () => {
  beforeAll(forgetMemories)
  afterAll(forgetMemories)

  test('none is in the one that is used', () => expect(findsOut(jit)).toBeUndefined())

  test.for(COMPILER_MUTANTS)('found: $name', async (mutant, ctx) => {
    if (mutant.rare === true && !LONG) ctx.skip('the long run (HARENA_LONG) has programs enough to find it')
    const found = findsOut(await mutantEngine(mutant))
    forgetMemories()
    expect(found).toBeDefined()
  })
})

test('a mistake that is nowhere to be made is no mistake', async () => {
  const mutant = { name: 'none', file: 'guards.ts', from: 'not in the text', to: '' }
  await expect(mutantEngine(mutant)).rejects.toThrow('none: guards.ts has it not once')
})
