import { describe, expect, test } from 'vitest'
import { file, harena, useFolder } from './testing.ts'

useFolder()

const COUNTS = file(
  'counts.bpf.s',
  `.global hits: u64
.license "GPL"
.program main type=syscall
    r0 = 7
    r0 += 1
    exit
.program hit type=kprobe
    r1 = hits ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = 0
    exit
.program wild type=kprobe
    r1 = 0
    *(u64 *)(r1 + 0) = r1
    r0 = 0
    exit
`,
)

const main = (...inject: readonly string[]): string[] => [
  'run',
  COUNTS,
  '--program',
  'main',
  ...inject.flatMap((text) => ['--inject', text]),
]

describe('--inject', () => {
  test('runs before each step, and says how often', async () => {
    const { status, stdout } = await harena(main('hit@nmi'))
    expect(status).toBe(0)
    const ran = /^main: returned 8 \(0x8\)\n {2}hit@nmi:each ran (\d+) times in (\d+) steps\n {2}hits = (.*)\n$/u.exec(
      stdout,
    )
    expect(ran?.[1]).toBe(ran?.[2])
    expect(Number(ran?.[3])).toBe(Number(ran?.[1]))
    expect(Number(ran?.[1])).toBeGreaterThanOrEqual(3)
  })

  test('several, each at its own step, in JSON too', async () => {
    const { stdout } = await harena([...main('hit@hardirq:2', 'hit@softirq:0x3', 'hit@nmi:random'), '--json'])
    const { injected, globals } = JSON.parse(stdout)
    expect(injected.slice(0, 2)).toMatchObject([
      { program: 'hit', context: 'hardirq', at: 2, runs: 1 },
      { program: 'hit', context: 'softirq', at: 3, runs: 1 },
    ])
    expect(Number(globals.hits)).toBe(2 + injected[2].runs)
    expect(JSON.parse((await harena([...main(), '--json'])).stdout)).not.toHaveProperty('injected')
  })

  test('what it faults with is a fault of the run', async () => {
    const { status, stderr } = await harena([...main('wild@nmi:1'), '--unchecked'])
    expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('bad access of 8 bytes') })
  })

  const FORM = '--inject takes PROGRAM@CONTEXT[:N|each|random], the context softirq, hardirq, nmi'

  test.each([
    ['hit', `${FORM}; not 'hit'`],
    ['@nmi', `${FORM}; not '@nmi'`],
    ['hit@task', `${FORM}; not 'hit@task'`],
    ['hit@irq:1', `${FORM}; not 'hit@irq:1'`],
    ['hit@nmi:0', "--inject takes a step from 1, each or random, not '0'"],
    ['hit@nmi:', "--inject takes a step from 1, each or random, not ''"],
    ['hit@nmi:all', "--inject takes a step from 1, each or random, not 'all'"],
    ['his@nmi', `${COUNTS} has no program his: main, hit, wild`],
    ['main@nmi', 'program main: syscall programs run in task context only, not in nmi'],
  ])('%s is bad input', async (text, message) => {
    const { status, stdout, stderr } = await harena([...main(text), '--engine', 'interpreter'])
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: `harena: ${message}\n` })
  })

  test('a lock that would be waited for without end is one too, with both stacks', async () => {
    const update = (map: string): string => `call bpf_get_prandom_u32
    *(u64 *)(r10 - 8) = r0
    r1 = ${map} ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r0 = 0
    exit`
    const maps = ['m', 'n'].map(
      (name) => `.map ${name} type=hash key=8 value=8 entries=300 flags=no_prealloc elements=kmalloc`,
    )
    const text = `${maps.join('\n')}
.license "GPL"
.program put type=kprobe
    ${update('m')}
.program hit type=kprobe
    ${update('n')}
`
    const args = ['run', file('waits.bpf.s', text), '--program', 'put', '--repeat', '90', '--inject', 'hit@nmi']
    const { status, stderr } = await harena(args)
    expect(status).toBe(3)
    expect(stderr).toMatch(
      /\nharena: deadlock: CPU 0 waits for .*\n {2}taken by\n.*program put\n {2}wanted by\n.*hit\n/u,
    )
    expect(JSON.parse((await harena([...args, '--json'])).stdout)).toMatchObject({ verdict: 'fault' })
  })

  test('runs on the interpreter, and says so where that was not asked for', async () => {
    const byDefault = await harena(main('hit@nmi:1'))
    expect([byDefault.status, byDefault.stderr]).toEqual([0, 'harena: --inject runs on the interpreter\n'])
    const { status, stderr } = await harena([...main('hit@nmi:1'), '--engine', 'jit'])
    expect([status, stderr]).toEqual([2, 'harena: --inject runs on the interpreter; --engine jit does not take it\n'])
  })

  test("is for harena's own engines", async () => {
    const { status, stderr } = await harena([...main('hit@nmi'), '--engine', 'linux'])
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('--inject is for') })
  })
})
