/** `--engine linux`: the command against the kernel underneath. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, type TestContext, test } from 'vitest'
import { whyUnavailable } from '../linux/index.ts'
import { execute } from './main.ts'

const ROOT: string = resolve(import.meta.dirname, '..')
const folder: string = mkdtempSync(join(tmpdir(), 'harena-cli-linux-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function harena(...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  const status = await execute(args, {
    out: (text) => {
      stdout += String(text)
    },
    err: (text) => {
      stderr += text
    },
    input: () => '',
    terminal: false,
    now: () => 0,
  })
  return { status, stdout, stderr }
}

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

function skipWithoutKernel(ctx: TestContext, wanted?: 'packets'): void {
  const why = whyUnavailable(wanted)
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
}

const COUNT = file(
  'count.bpf.s',
  `.global hits: u64 = 40
.map table type=array key=4 value=8 entries=2
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.program count type=syscall
    r6 = r1
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r2 = addr_space_cast(r0, 0, 1)
    r3 = 0x61
    *(u8 *)(r2 + 0) = r3
    r1 = hits ll
    r2 = *(u64 *)(r1 + 0)
    r2 += 2
    *(u64 *)(r1 + 0) = r2
    r0 = r2
    exit
`,
)
const BAD = file('bad.bpf.s', '.program bad type=syscall\n    r0 = r3\n    exit\n')
const XDP = file('xdp.bpf.s', '.program drop type=xdp\n    r0 = 1\n    exit\n')
const UNLISTED = file(
  'unlisted.bpf.s',
  `.map ring type=ringbuf entries=4096
.map line type=queue value=8 entries=2
.program main type=syscall
    r0 = 3
    exit
`,
)
const TWO = file('two.bpf.s', '.program a type=syscall\nr0 = 1\nexit\n.program b type=syscall\nr0 = r5\nexit\n')
const PRINTING = file(
  'printing.bpf.s',
  `.license "GPL"
.global text: u8[4] = "hi\\n"
.program hello type=syscall
    r1 = text ll
    r2 = 4
    call bpf_trace_printk
    r0 = 0
    exit
`,
)

/** In this process, and as users have it: in one of its own with a timer. */
const WAYS = [
  { where: 'in this process', args: ['--timeout', '0'] },
  { where: 'in a process of its own', args: [] },
] as const

describe('run', () => {
  test.for(WAYS)('prints the result, the globals that changed, what was dumped, $where', async ({ args }, ctx) => {
    skipWithoutKernel(ctx)
    const dumps = ['--dump', 'hits', '--dump', 'table', '--dump', 'arena']
    const { status, stdout, stderr } = await harena(
      'run',
      COUNT,
      '--engine',
      'linux',
      ...args,
      '--set',
      'hits=5',
      ...dumps,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(`count: returned 7 (0x7)
  hits = 0x7
  hits = 0x7
  table:
    0x0: 0x0
    0x1: 0x0
  arena:
    1 page
    page 0 at 0x100000010000
      0x100000010000  61 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      *
`)
  })

  test.for(WAYS)('maps without keys are not listed, and the result is shown all the same, $where', async (way, ctx) => {
    skipWithoutKernel(ctx)
    const args = ['run', UNLISTED, '--engine', 'linux', ...way.args, '--dump', 'ring', '--dump', 'line']
    const { status, stdout, stderr } = await harena(...args)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(`main: returned 3 (0x3)
  ring = (cannot be listed: map ring: next key: ENOTSUPP)
  line = (cannot be listed: map line: next key: EINVAL)
`)
    expect(JSON.parse((await harena(...args, '--json')).stdout)).toMatchObject({
      verdict: 'accepted',
      retval: 3,
      dump: { ring: { error: 'map ring: next key: ENOTSUPP' } },
    })
  })

  test.for(WAYS)('--json: neither r0 nor a duration for syscall programs, $where', async ({ args }, ctx) => {
    skipWithoutKernel(ctx)
    const { stdout } = await harena('run', COUNT, '--engine', 'linux', ...args, '--json', '--repeat', '2')
    expect(JSON.parse(stdout)).toEqual({
      file: COUNT,
      program: 'count',
      engine: 'linux',
      verdict: 'accepted',
      retval: 44,
      repeat: 2,
      output: [],
      globals: { hits: '0x2c' },
      dump: {},
    })
  })

  test('a packet program has a duration', async (ctx) => {
    skipWithoutKernel(ctx, 'packets')
    const { stdout } = await harena('run', XDP, '--engine', 'linux', '--json', '--data', 'zero:64', '--timeout', '0')
    expect(JSON.parse(stdout)).toMatchObject({ retval: 1, durationNs: expect.any(Number) })
  })

  test.for(WAYS)('a rejection, $where', async ({ args }, ctx) => {
    skipWithoutKernel(ctx)
    const { status, stdout, stderr } = await harena('run', BAD, '--engine', 'linux', ...args, '--json')
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'rejected',
      errno: 'EACCES',
      instruction: 0,
      message: 'R3 !read_ok',
    })
    expect(stderr).toContain('program bad was rejected at instruction 0: R3 !read_ok')
  })

  test('a program that takes too long is given up', async (ctx) => {
    skipWithoutKernel(ctx, 'packets')
    const long = ['--data', 'zero:64', '--repeat', '2000000000', '--timeout', '1']
    const { status, stdout, stderr } = await harena('run', XDP, '--engine', 'linux', '--json', ...long)
    expect([status, stderr]).toEqual([3, 'harena: timed out\n'])
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'fault', message: 'timed out' })
  })

  test('what a program prints', async (ctx) => {
    skipWithoutKernel(ctx)
    const { status, stderr } = await harena('run', PRINTING, '--engine', 'linux', '--timeout', '0')
    const heard = existsSync('/sys/kernel/tracing/instances')
    expect([status, stderr]).toEqual([
      0,
      heard ? 'hello: hi\n' : expect.stringMatching(/^hint: what programs print cannot be seen: .*\n$/u),
    ])
  })

  test.each([
    [['--seed', '2'], /--seed is for harena's own engines/],
    [['--unchecked'], /--unchecked is for harena's own engines/],
    [['--cpus', '2'], /--cpus is for harena's own engines/],
    [['--policy', 'placement=best-fit'], /--policy is for harena's own engines/],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await harena('run', COUNT, '--engine', 'linux', ...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
  })

  test('an engine that nobody has', async () => {
    const { status, stderr } = await harena('run', COUNT, '--engine', 'windows')
    expect([status, stderr]).toEqual([2, "harena: --engine takes jit, interpreter or linux, not 'windows'\n"])
  })
})

describe('verify', () => {
  test('says what the kernel says, of each program', async (ctx) => {
    skipWithoutKernel(ctx)
    const { status, stdout } = await harena('verify', TWO, '--engine', 'linux')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^a:\nprocessed 2 insns .*\na: accepted\nb:\n0: R1=ctx\(\) R10=fp0\n/u)
    expect(stdout).toMatch(/\nb: rejected \(EACCES\): R5 !read_ok\n$/u)
  })

  test.for(['0', '1', '2', '4'])('level %s gives the same as harena, figures included', async (level, ctx) => {
    skipWithoutKernel(ctx, 'packets')
    const args = ['verify', XDP, '--json', '--log-level', level]
    const [ours, kernels] = [await harena(...args), await harena(...args, '--engine', 'linux')]
    const time = (text: string): unknown => JSON.parse(text.replace(/verification time \d+ usec/u, 'verification time'))
    expect(time(kernels.stdout)).toEqual(time(ours.stdout))
  })

  test('conformance vectors are not for it', async () => {
    const { status, stderr } = await harena('conformance', '--engine', 'linux')
    expect(status).toBe(2)
    expect(stderr).toMatch(/the kernel runs verified programs only/u)
  })
})

test('examples run on it', async (ctx) => {
  skipWithoutKernel(ctx)
  expect(existsSync(join(ROOT, 'examples'))).toBe(true)
  const [ours, kernels] = [
    await harena('example', 'arena-list'),
    await harena('example', 'arena-list', '--engine', 'linux'),
  ]
  expect(kernels).toEqual(ours)
})
