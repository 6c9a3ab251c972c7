/** The harness against the running kernel, and against kernels that are wrong on purpose: those it must find out. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { KernelClient, whyUnavailable } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import type { Answer, Question } from '../../linux/question.ts'
import { testCount, testSeed } from '../seed.ts'
import { byMessage, type DifferentialResult, differential, type Kernel, TOO_LONG } from './campaign.ts'
import { answerOfHarena } from './harena.ts'
import { explain, KNOWN_DIFFERENCES } from './known-differences.ts'
import { asTable, wronglyAccepted } from './report.ts'
import { saveFound } from './save.ts'
import { shrinkFound } from './shrink.ts'

const SEED: number = testSeed(10)
const RUNS: number = testCount(2000, 50_000)
const MINUTES = 60_000

test('harena is as the running kernel', { timeout: testCount(10, 90) * MINUTES }, async (ctx) => {
  const why = whyUnavailable('packets')
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
  const client = new KernelClient()
  onTestFinished(() => client.close())
  const options = { seed: SEED, runs: RUNS, cpus: possibleCpus(), stateEvery: 1 }
  const result = await differential(client, options)
  console.log(asTable(result))
  const kept = await saveFound(client, result, options.cpus)
  const hint = `npm run differential -- --seed ${SEED} --runs ${RUNS}; kept: ${kept.join(' ') || 'nothing'}`
  expect(result.runs, hint).toBe(RUNS)
  // What is left out is not seen: little, and for one reason alone.
  expect([...result.leftOut.keys()].filter((reason) => reason !== TOO_LONG)).toEqual([])
  expect(result.leftOut.get(TOO_LONG) ?? 0).toBeLessThan(RUNS / 100)
  expect(result.stateTooLong).toBeLessThanOrEqual(result.stateChecked / 20)
  expect(result.stateCut).toBeLessThanOrEqual(result.stateChecked / 20)
  expect(result.resultDifferences, hint).toBe(0)
  expect(wronglyAccepted(result), hint).toEqual([])
  expect(result.escapes, hint).toEqual([])
  expect(result.verdictAgreement, hint).toBeGreaterThanOrEqual(0.97)
  expect(result.rejected, hint).toBeGreaterThanOrEqual(0.3 * RUNS)
  expect(result.compared, hint).toBeGreaterThanOrEqual(0.5 * RUNS)
  expect(result.compiled, hint).toBeGreaterThanOrEqual(result.compared)
  for (const [name, { runs, compared, compiled }] of Object.entries(result.byClass)) {
    expect(runs, name).toBeGreaterThanOrEqual(RUNS / 20)
    expect(compared, name).toBeGreaterThanOrEqual(RUNS / 20)
    expect(compiled, name).toBeGreaterThanOrEqual(compared)
  }
})

/** A kernel made of harena, with a change to what it says. */
function madeUp(change: (answer: Answer, question: Question) => Answer): Kernel {
  return { ask: async (question) => change(answerOfHarena(question, { cpus: 2 }), question) }
}

const run = (kernel: Kernel, runs: number, only?: string): Promise<DifferentialResult> =>
  differential(kernel, { seed: SEED, runs, cpus: 2, stateEvery: 0, ...(only === undefined ? {} : { only }) })

/** Whether some instruction of the program has this opcode. */
const has = ({ object }: Question, opcode: number): boolean =>
  object.programs[0]!.insns.some((insn) => insn.row.opcode === opcode)

const ADD64_REG = 0x0f
const ADD64_IMM = 0x07
const CHECKED_ORIGIN = { seed: SEED, cpus: 2 }

describe('kernels that are wrong on purpose', () => {
  test('none is harena itself', async () => {
    const result = await run(
      madeUp((answer) => answer),
      60,
    )
    expect(result.found).toEqual([])
    expect(result).toMatchObject({ runs: 60, verdictAgreement: 1, messageAgreement: 1, resultDifferences: 0 })
    expect(result.byClass).toHaveProperty('packet')
  })

  test('another return value', async () => {
    const kernel = madeUp((answer, question) => {
      if (answer.verdict !== 'accepted' || !has(question, ADD64_REG)) return answer
      return { ...answer, runs: answer.runs.map((one) => ({ ...one, retval: (one.retval ?? 0) ^ 1 })) }
    })
    const result = await run(kernel, 200, 'alu')
    expect(result.resultDifferences).toBeGreaterThan(0)
    expect(result.verdictAgreement).toBe(1)
    // The longest: one that is small already does not become smaller.
    const first = result.found.toSorted((a, b) => b.candidate.text.length - a.candidate.text.length)[0]!
    const small = await shrinkFound(kernel, first, CHECKED_ORIGIN)
    expect(small.text).toMatch(/r\d \+= r\d/u)
    expect(small.text.length).toBeLessThan(first.candidate.text.length)
    expect(small.disagreement).toMatchObject({ kind: 'result', where: 'run 0: retval' })
  })

  test('another byte in the arena', async () => {
    const kernel = madeUp((answer) => {
      const pages = answer.verdict === 'accepted' ? answer.maps.arena : undefined
      if (answer.verdict !== 'accepted' || pages?.kind !== 'pages') return answer
      const changed = pages.pages.map(([page, bytes]) => [page, bytes.with(4095, 7)] as const)
      return { ...answer, maps: { ...answer.maps, arena: { kind: 'pages', pages: changed } } }
    })
    const { found } = await run(kernel, 20)
    expect(found[0]?.disagreement).toMatchObject({
      kind: 'result',
      where: expect.stringMatching(/^arena\[page \d\]$/u),
    })
  })

  test('a verdict', async () => {
    const refused = {
      verdict: 'rejected',
      program: 'main',
      errno: 'EINVAL',
      message: 'no sums here',
      log: '',
    } as const
    const kernel = madeUp((answer, question) => {
      return answer.verdict === 'accepted' && has(question, ADD64_IMM) ? refused : answer
    })
    const result = await run(kernel, 200)
    expect(result.verdictAgreement).toBeLessThan(1)
    expect(wronglyAccepted(result).length).toBe(result.found.length)
    const [group] = byMessage(result.found)
    expect(group?.first.disagreement).toEqual({ kind: 'verdict', harena: 'accepted', linux: 'EINVAL no sums here' })
    const small = await shrinkFound(kernel, group!.first, CHECKED_ORIGIN)
    // The sum, and what makes it a program.
    expect(small.text).toMatch(/r\d \+= -?\d/u)
    expect(small.text.trim().split('\n').length).toBeLessThanOrEqual(20)
  })

  test('a message', async () => {
    const kernel = madeUp((answer) => {
      return answer.verdict === 'rejected' ? { ...answer, message: answer.message.replace('R', 'register ') } : answer
    })
    const result = await run(kernel, 60)
    expect(result.verdictAgreement).toBe(1)
    expect(result.messageAgreement).toBeLessThan(0.9)
    expect(wronglyAccepted(result)).toEqual([])
  })

  test('no answer: the program counts as no run', async () => {
    let asked = 0
    const kernel = madeUp((answer) => {
      asked += 1
      return asked % 10 === 0 ? { verdict: 'none', message: 'the process ended' } : answer
    })
    const result = await run(kernel, 50)
    expect(result.runs).toBe(50)
    expect(result.leftOut.get('the kernel: the process ended')).toBeGreaterThan(3)
  })

  test('never an answer: the harness gives up', async () => {
    const kernel = madeUp(() => ({ verdict: 'none', message: 'gone' }))
    await expect(run(kernel, 10)).rejects.toThrow('too many programs left out: the kernel: gone')
  })
})

test('known differences explain what they say, and no more', () => {
  const found = (harena: string, linux: string): string | undefined => explain({ harena, linux })?.name
  const loads = 'EOPNOTSUPP harena does not implement loads from struct bpf_array'
  expect(found(loads, 'accepted')).toBe('Fields of maps')
  expect(found('EOPNOTSUPP harena does not implement map type hash', 'accepted')).toBe('What harena does not implement')
  expect(found('accepted', 'EACCES R1 !read_ok')).toBeUndefined()
  expect(found('EACCES R1 !read_ok', 'accepted')).toBeUndefined()
})

test('no known difference lets harena accept what the kernel refuses; its own kfuncs the kernel never sees', () => {
  const accepting = KNOWN_DIFFERENCES.filter(({ harena }) => harena.test('accepted'))
  expect(accepting.map(({ name }) => name)).toEqual(['What Linux does not have'])
  expect(accepting[0]!.linux.test("EOPNOTSUPP bpf_mem_alloc is harena's own; Linux has no such kfunc")).toBe(true)
  expect(accepting[0]!.linux.test('EINVAL bpf_mem_alloc is not there')).toBe(false)
})
