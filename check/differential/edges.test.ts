/** The ends of pages and of the window: the same on every engine. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../../asm/assemble.ts'
import { edgeText } from '../generate/write-edges.ts'
import { testCount, testSeed } from '../seed.ts'
import { compare, type Judgement } from './compare.ts'
import { answerOfHarena } from './harena.ts'

const RUNS: number = testCount(400, 20_000)

describe('arena access at the edges', () => {
  test('is the same on interpreter and compiler', () => {
    let accepted = 0
    fc.assert(
      fc.property(edgeText, (text) => {
        const question = { object: assemble(text), runs: [{ program: 'main' }] }
        const interpreted = answerOfHarena(question, { engine: 'interpreter' })
        expect(interpreted.verdict).toMatch(/accepted|rejected/)
        if (interpreted.verdict !== 'accepted') return
        accepted++
        const compiled = answerOfHarena(question, { engine: 'jit' })
        expect(compare(interpreted, compiled as Judgement)).toBeUndefined()
      }),
      { numRuns: RUNS, seed: testSeed(20_261_130) },
    )
    expect(accepted).toBeGreaterThan(0.9 * RUNS)
  })
})
