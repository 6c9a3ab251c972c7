/**
 * Functions in pieces: with pieces of a few instructions, programs of the usual length show what the compiler otherwise
 * does with very long ones alone (jit/chunks.ts).
 */
import { expect, test } from 'vitest'
import { makeJit } from '../../jit/engine.ts'
import type { Question } from '../../linux/question.ts'
import { verify } from '../../verifier/verify.ts'
import type { Engine } from '../../vm/engine.ts'
import { interpreter } from '../../vm/interpreter-engine.ts'
import { MachineCore } from '../../vm/machine.ts'
import { testCount, testSeed } from '../seed.ts'
import { compareEngines } from './compare.ts'
import { answerOfMachine } from './harena.ts'
import { pose, questionOf } from './pose.ts'
import { type Candidate, candidates, edgeCandidates, inputsFor } from './programs.ts'

const SEED: number = testSeed(4711)
const MINUTES = 60_000

const SIZES = [
  { from: 1, piece: 1, block: 1 },
  { from: 1, piece: 7, block: 4 },
  { from: 20, piece: 25, block: 10 },
] as const

const answer = (engine: Engine, question: Question): ReturnType<typeof answerOfMachine> =>
  answerOfMachine(new MachineCore({ cpus: 1 }, { verify, engines: [engine] }), question)

function* both(): Generator<Candidate> {
  const edges = edgeCandidates(SEED)
  for (const mixed of candidates(SEED)) {
    yield mixed
    yield edges.next().value!
  }
}

test.each(SIZES)('the same on the interpreter and in pieces of $piece', { timeout: 2 * MINUTES }, (pieces) => {
  const compiler = makeJit({ pieces })
  const wanted = testCount(40, 3000)
  let compared = 0
  for (const candidate of both()) {
    if (compared === wanted) break
    const inputs = inputsFor(candidate, SEED)
    // What follows from chance, or takes too long to verify, is left out.
    const posed = pose(candidate, inputs, 1)
    if (posed === undefined || !posed.comparable || posed.harena.verdict !== 'accepted') continue
    compared++
    const question = questionOf({ ...candidate, comparable: true }, inputs)
    const answers = { interpreter: answer(interpreter, question), jit: answer(compiler, question) }
    expect(compareEngines(answers), candidate.text).toBeUndefined()
  }
  expect(compared).toBe(wanted)
})
