/** Every workload gives the same on every engine: what is compared in time is the same work. Nothing is timed here. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assemble } from '../index.ts'
import { dynamicPart } from './dynamic-part.ts'
import { harena, linux, whyNoLinux } from './engines/bpf.ts'
import type { Engine } from './engines/engine.ts'
import { findCompiler, NativeProgram, nativeSource } from './engines/native.ts'
import { plain } from './engines/plain.ts'
import { exactAccesses } from './fast-path.ts'
import { arenaSource, ENTER, type Workload } from './workload.ts'
import { WORKLOADS } from './workloads/all.ts'

type Answers = readonly (number | undefined)[]

/** What two runs give, and the check behind them; undefined where the engine has no such work. */
async function answers(engine: Engine, workload: Workload): Promise<Answers | undefined> {
  const prepared = await engine.prepare(workload, workload.few)
  if (prepared === undefined) return undefined
  try {
    const first = await prepared.run(1)
    const second = await prepared.run(workload.repeat ?? 1)
    return [first.answer, second.answer, await prepared.check()]
  } finally {
    prepared.close()
  }
}

const expected: Map<string, Promise<Answers | undefined>> = new Map()
function byInterpreter(workload: Workload): Promise<Answers | undefined> {
  const known = expected.get(workload.name) ?? answers(harena('interpreter', { engine: 'interpreter' }), workload)
  expected.set(workload.name, known)
  return known
}

const withC = WORKLOADS.filter(({ c }) => c !== undefined)
const withPlain = WORKLOADS.filter((workload) => workload.plain !== undefined)

test('both designs of maps take their turns', async () => {
  const part = await dynamicPart(3, 50)
  expect(part).toBeGreaterThan(0)
  expect(Number.isFinite(part)).toBe(true)
})

describe('the same answer as on the interpreter', () => {
  for (const workload of WORKLOADS) {
    test(`${workload.name}, compiled`, async () => {
      expect(await answers(harena('jit', { engine: 'jit' }), workload)).toEqual(await byInterpreter(workload))
    })

    test(`${workload.name}, on Linux`, async (ctx) => {
      const why = whyNoLinux()
      if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
      expect(await answers(linux(), workload)).toEqual(await byInterpreter(workload))
    })
  }

  for (const workload of withPlain) {
    test(`${workload.name}, in TypeScript`, async () => {
      expect(await answers(plain(), workload)).toEqual(await byInterpreter(workload))
    })
  }

  describe('in C', () => {
    const compiler = findCompiler()
    let native: NativeProgram | undefined
    beforeAll(() => {
      if (compiler !== undefined) native = new NativeProgram(compiler, WORKLOADS)
    })
    afterAll(() => native?.close())

    for (const workload of withC) {
      test(workload.name, async (ctx) => {
        if (native === undefined) ctx.skip('there is neither clang nor gcc')
        else expect(await answers(native.engine(false), workload)).toEqual(await byInterpreter(workload))
      })
    }

    test('on huge pages', async (ctx) => {
      if (native === undefined) ctx.skip('there is neither clang nor gcc')
      else {
        const workload = WORKLOADS.find(({ name }) => name === 'hash table insert')!
        expect(await answers(native.engine(true), workload)).toEqual(await byInterpreter(workload))
      }
    })
  })
})

test('every workload has a name of its own, a program to run, and fewer rounds than may_goto allows', () => {
  expect(new Set(WORKLOADS.map(({ name }) => name)).size).toBe(WORKLOADS.length)
  for (const { source, name, few, rounds } of WORKLOADS) {
    expect(
      assemble(source).programs.map((program) => program.name),
      name,
    ).toContain('run')
    expect(few, name).toBeLessThan(rounds)
  }
})

test('work without C is left out of the C program', () => {
  const source = nativeSource(WORKLOADS)
  expect(source.match(/#undef W/gu)).toHaveLength(withC.length)
  expect(source).not.toContain('W(helper')
})

/** A load a round of a word that is not aligned. */
const UNALIGNED: Workload = {
  name: 'unaligned loads',
  round: 'load',
  rounds: 1000,
  few: 10,
  pages: () => 2,
  source: arenaSource(
    2,
    '',
    `
.program run type=socket
${ENTER}
    r0 = 0
next:
    may_goto end
    r1 = *(u64 *)(r6 + 4)
    r0 += r1
    r7 += -1
    if r7 != 0 goto next
end:
    exit
`,
  ),
}

test('accesses a round that leave the fast path', () => {
  const shuffled = WORKLOADS.find(({ name }) => name === 'list walk, shuffled')!
  expect(exactAccesses(shuffled, shuffled.few)).toBe(0)
  expect(exactAccesses(UNALIGNED)).toBe(1)
  expect(exactAccesses(WORKLOADS[0]!)).toBeUndefined()
})
