/** The ends of pages and of the window, and places of the stack: the same on every engine. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { KernelClient, whyUnavailable } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import { EDGE, generated } from '../generate/numbered.ts'
import { testCount, testSeed } from '../seed.ts'
import { differential } from './campaign.ts'
import { compareEngines, isJudgement, verdictOf } from './compare.ts'
import { pose } from './pose.ts'
import { inputsFor } from './programs.ts'
import { asTable } from './report.ts'
import { saveFound } from './save.ts'

const SEED: number = testSeed(20_261_130)
const MINUTES = 60_000

describe('programs that aim at the ends of pages', () => {
  const programs = [...generated('edge', SEED, 0, testCount(250, 2000))]

  test('are accepted, and the same on interpreter and compiler', () => {
    for (const program of programs) {
      const { harena, engines } = pose(program, inputsFor(program, SEED), 1)!
      expect(isJudgement(harena) && verdictOf(harena), program.text).toBe('accepted')
      expect(compareEngines(engines!), program.text).toBeUndefined()
    }
  })

  test.each([
    ['call a function', /call callee/u],
    ['free pages', /call bpf_arena_free_pages/u],
    ['enter loops in their middle', /goto middle\d/u],
    ['have small arenas', /entries=5 /u],
    ['have the whole window', /entries=1048576 /u],
    ['keep user addresses as they are', /no_user_conv/u],
    ['give stack addresses away', /call bpf_map_lookup_elem/u],
    ['load from one of two places', /goto \+2/u],
    ['store pointers', /r2 = addr_space_cast\(r\d, 1, 0\)\n +\*\(u64/u],
    ['sign-extend what the stack holds', /\*\(s(?:8|16|32) \*\)\(r10/u],
  ])('%s', (_, form) => {
    expect(programs.filter(({ text }) => form.test(text)).length).toBeGreaterThan(programs.length / 50)
  })
})

test('Linux does the same', { timeout: testCount(5, 90) * MINUTES }, async (ctx) => {
  const why = whyUnavailable('packets')
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
  const client = new KernelClient({ timeoutMs: MINUTES })
  onTestFinished(() => client.close())
  const runs = testCount(100, 20_000)
  const result = await differential(client, { seed: SEED, runs, cpus: possibleCpus(), only: EDGE })
  console.log(asTable(result))
  const kept = await saveFound(client, result, possibleCpus())
  const hint = `npm run differential -- --seed ${SEED} --runs ${runs} --class ${EDGE}; kept: ${kept.join(' ') || 'nothing'}`
  expect(result.found, hint).toEqual([])
  expect(result.escapes, hint).toEqual([])
  expect(result).toMatchObject({ runs, compared: runs, compiled: runs })
})
