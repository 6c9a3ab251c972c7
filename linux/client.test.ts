/** Questions to the kernel from a process of its own. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../index.ts'
import { KernelClient } from './client.ts'
import type { Answer, Question } from './question.ts'
import { skipWithoutKernel } from './testing.ts'

const question = (value: number): Question => ({
  object: assemble(`
    .map arena type=arena entries=16 flags=mmapable extra=0x100000010000
    .map hits type=array key=4 value=8 entries=2
    .global seen: u64
    .program main type=syscall
        r7 = r1
        r1 = arena ll
        r2 = 0
        w3 = 1
        w4 = -1
        r5 = 0
        call bpf_arena_alloc_pages
        r6 = addr_space_cast(r0, 0, 1)
        r2 = ${value}
        *(u64 *)(r6 + 8) = r2
        r1 = seen ll
        *(u64 *)(r1 + 0) = r0
        r0 = *(u64 *)(r7 + 0)
        r0 += r2
        *(u64 *)(r7 + 0) = r0
        exit
  `),
  runs: [
    { program: 'main', ctx: new Uint8Array(8) },
    { program: 'main', ctx: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
    { program: 'main', ctx: new Uint8Array(4) },
  ],
})

const refused: Question = { object: assemble('.program bad type=syscall\n r0 = r2\n exit\n') }

async function withClient<T>(work: (client: KernelClient) => Promise<T>, timeoutMs?: number): Promise<T> {
  const client = new KernelClient(timeoutMs === undefined ? {} : { timeoutMs })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

describe('answers', () => {
  test('of an accepted program: what its runs gave, and left behind', async (ctx) => {
    skipWithoutKernel(ctx)
    const answer = await withClient((client) => client.ask(question(5)))
    if (answer.verdict !== 'accepted') throw new Error(JSON.stringify(answer))
    expect(answer.logs.main).toMatch(/^processed \d+ insns/u)
    expect(answer.runs).toEqual([
      { retval: 5, ctx: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0) },
      { retval: 6, ctx: Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0) },
      { errno: 'EINVAL' },
    ])
    const { arena, hits, '.bss': data } = answer.maps
    expect(hits).toEqual({
      kind: 'entries',
      entries: [
        [Uint8Array.of(0, 0, 0, 0), new Uint8Array(8)],
        [Uint8Array.of(1, 0, 0, 0), new Uint8Array(8)],
      ],
    })
    expect(data).toEqual({
      kind: 'entries',
      entries: [[new Uint8Array(4), Uint8Array.of(0, 0x10, 0x01, 0, 0, 0x10, 0, 0)]],
    })
    const page = new Uint8Array(4096)
    page[8] = 5
    expect(arena).toEqual({
      kind: 'pages',
      pages: [
        [0, page],
        [1, page],
      ],
    })
  })

  test('of a rejected one, and of an object that cannot be made', async (ctx) => {
    skipWithoutKernel(ctx)
    const bad = assemble('.map m type=array key=8 value=8 entries=1\n.program main type=syscall\n r0 = 0\n exit\n')
    const [first, second] = await withClient((client) =>
      Promise.all([client.ask(refused), client.ask({ object: bad })]),
    )
    expect(first).toMatchObject({
      verdict: 'rejected',
      program: 'bad',
      errno: 'EACCES',
      instruction: 0,
      message: 'R2 !read_ok',
    })
    expect(second).toMatchObject({ verdict: 'error', errno: 'EINVAL' })
  })

  test('only of what was asked', async (ctx) => {
    skipWithoutKernel(ctx)
    const answer = await withClient((client) => client.ask({ ...question(5), runs: [], read: ['hits'] }))
    expect(answer).toMatchObject({ verdict: 'accepted', runs: [] })
    expect(Object.keys(answer.verdict === 'accepted' ? answer.maps : {})).toEqual(['hits'])
  })

  test('come in the order of many questions', async (ctx) => {
    skipWithoutKernel(ctx)
    const values = Array.from({ length: 40 }, (_, i) => i + 1)
    const answers = await withClient((client) => Promise.all(values.map((value) => client.ask(question(value)))))
    const retval = (answer: Answer): number | undefined =>
      answer.verdict === 'accepted' ? answer.runs[0]?.retval : undefined
    expect(answers.map(retval)).toEqual(values)
  })
})

describe('a process that ends', () => {
  test('costs the question that ended it, and no other', async (ctx) => {
    skipWithoutKernel(ctx)
    // An object that no assembler makes: our own code fails over it.
    const broken = { object: { maps: 7 } } as unknown as Question
    const answers = await withClient((client) =>
      Promise.all([client.ask(refused), client.ask(broken), client.ask(question(3)), client.ask(refused)]),
    )
    expect(answers.map(({ verdict }) => verdict)).toEqual(['rejected', 'none', 'accepted', 'rejected'])
    expect(answers[1]).toMatchObject({ message: expect.stringMatching(/^the process ended: status 1: .*TypeError/su) })
  })

  test('is ended by the timer', async () => {
    // No process starts so fast.
    const answer = await withClient((client) => client.ask(refused), 1)
    expect(answer).toEqual({ verdict: 'none', message: 'no answer within 1 ms' })
  })

  test('or with its client', async () => {
    const client = new KernelClient()
    const answer = client.ask(refused)
    client.close()
    client.close()
    expect(await answer).toEqual({ verdict: 'none', message: 'the client was closed' })
  })
})
