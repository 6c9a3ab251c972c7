/**
 * Cases found once, replayed for ever: harena against what Linux said when it was found, and against what the running
 * kernel says now. HARENA_ACCEPT=1 writes the kernel's answers into the files.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { KernelClient, whyUnavailable } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import type { Answer } from '../../linux/question.ts'
import { PENDING, pendingNames } from '../pending.ts'
import { compareEngines, isJudgement, verdictOf } from './compare.ts'
import { type FoundCase, parseCase, renderCase, resultsOf, withAnswer } from './found-case.ts'
import { explain } from './known-differences.ts'
import { answerOfJit, judge } from './pose.ts'

const DIRECTORY: string = resolve(import.meta.dirname, '../found')
const NAMES: readonly string[] = readdirSync(DIRECTORY).filter((name) => name.endsWith('.bpf.s'))

const read = (name: string): FoundCase => parseCase(readFileSync(join(DIRECTORY, name), 'utf8'))

/** What an answer comes to: the verdict, and what the runs gave. */
function outcome(answer: Answer): { verdict: string; results: readonly string[] } {
  if (!isJudgement(answer)) throw new Error(answer.message)
  return { verdict: verdictOf(answer), results: answer.verdict === 'accepted' ? resultsOf(answer) : [] }
}

function expectSame(name: string, { question }: FoundCase, cpus: number, linux: ReturnType<typeof outcome>): void {
  for (const answer of [judge(question, cpus)!, answerOfJit(question, cpus)]) {
    const harena = outcome(answer)
    const verdicts = { harena: harena.verdict, linux: linux.verdict }
    if (harena.verdict === linux.verdict) expect(harena, name).toEqual(linux)
    else expect(explain(verdicts), JSON.stringify(verdicts)).toBeDefined()
  }
}

test('there are some', () => expect(NAMES.length).toBeGreaterThan(4))

test('nothing that failed waits to be looked at', () => {
  const why = 'mend what they show, then delete them or move them to check/found with a reason'
  expect(pendingNames(), `${PENDING}: ${why}`).toEqual([])
})

describe('as Linux said', () => {
  test.each(NAMES)('%s', (name) => {
    const found = read(name)
    expectSame(name, found, found.cpus, { verdict: found.linux, results: found.results })
  })
})

describe('on both engines of harena', () => {
  test.each(NAMES)('%s', (name) => {
    const { own, question, cpus } = read(name)
    const interpreter = judge(own ?? question, cpus)!
    expect(compareEngines({ interpreter, jit: answerOfJit(own ?? question, cpus) })).toBeUndefined()
  })
})

describe('as the running kernel says', () => {
  const client = new KernelClient({ timeoutMs: 60_000 })
  afterAll(() => client.close())

  test.for(NAMES)('%s', async (name, ctx) => {
    const why = whyUnavailable('packets')
    if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
    const found = read(name)
    const linux = outcome(await client.ask(found.question))
    if (process.env.HARENA_ACCEPT !== undefined) {
      const path = join(DIRECTORY, name)
      writeFileSync(path, withAnswer(readFileSync(path, 'utf8'), linux.verdict, linux.results))
    }
    expectSame(name, found, possibleCpus(), linux)
  })
})

describe('files', () => {
  const text = [
    '# Why.',
    '# linux: accepted',
    '# cpus: 2',
    '# run: ctx=0500 in0=0xffffffffffffffff arr[2]=0102',
    '# run: data=00',
    '# result: retval=0x0',
    '.map arr type=array key=4 value=2 entries=4',
    '.global in0: u64',
    '.program main type=syscall',
    '    r0 = 0',
    '    exit',
    '',
  ].join('\n')

  test('are read', () => {
    const { linux, cpus, question, results } = parseCase(text)
    expect({ linux, cpus, results }).toEqual({ linux: 'accepted', cpus: 2, results: ['retval=0x0'] })
    expect(question.runs).toEqual([
      {
        program: 'main',
        ctx: Uint8Array.of(5, 0),
        globals: { in0: 2n ** 64n - 1n },
        elements: [{ map: 'arr', key: 2, bytes: Uint8Array.of(1, 2) }],
      },
      { program: 'main', data: Uint8Array.of(0), globals: {}, elements: [] },
    ])
  })

  test('get new answers in place of the old', () => {
    const updated = parseCase(withAnswer(text, 'EACCES R1 !read_ok', ['retval=0x7', 'retval=0x8']))
    expect(updated.linux).toBe('EACCES R1 !read_ok')
    expect(updated.results).toEqual(['retval=0x7', 'retval=0x8'])
    expect(updated.question.runs?.length).toBe(2)
  })

  test.each([
    ['.program main type=syscall\n exit\n', /no line '# linux/],
    ['# linux: accepted\n# run: x\n.program main type=syscall\n exit\n', /x is no input of a run/],
  ])('%j is no case', (bad, message) => expect(() => parseCase(bad)).toThrow(message))

  test('are written as they are read', () => {
    const { question } = parseCase(text)
    const harena = judge(question, 2)!
    const written = renderCase({
      origin: 'seed 1, program 2',
      cpus: 3,
      text: text.slice(text.indexOf('.map')),
      comparable: true,
      inputs: [{ ctx: Uint8Array.of(5), globals: { in0: 7n }, elements: [] }],
      disagreement: {
        kind: 'result',
        engines: ['interpreter', 'linux'],
        where: 'run 0: retval',
        values: ['0x1', '0x0'],
      },
      linux: harena,
    })
    const again = parseCase(written)
    expect(again.cpus).toBe(3)
    expect(again.question.runs).toEqual([
      { program: 'main', ctx: Uint8Array.of(5), globals: { in0: 7n }, elements: [] },
    ])
    expect(again.results[0]).toMatch(/^EINVAL|^retval=/u)
  })
})
