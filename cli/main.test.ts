/** The command as users run it, judged by its exit code and what it prints; some of it in a process of its own. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  BROKEN,
  COUNT,
  ENDLESS,
  FAULTING,
  file,
  folder,
  harena,
  PRINTING,
  type Result,
  ROOT,
  TWO,
  useFolder,
  WIDE,
  XDP,
} from './testing.ts'

useFolder()

/** In a process of its own. */
function spawned(args: readonly string[]): Result {
  const result = spawnSync(process.execPath, [join(ROOT, 'bin/harena.js'), ...args], { cwd: folder, encoding: 'utf8' })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

describe('run', () => {
  test('prints the result and the globals that changed', async () => {
    const { status, stdout, stderr } = await harena(['run', COUNT])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe('count: returned 42 (0x2a)\n  hits = 0x2a\n')
  })

  test('--set, --repeat, --dump', async () => {
    const { stdout } = await harena([
      'run',
      COUNT,
      '--set',
      'hits=0x10',
      '--repeat',
      '3',
      '--dump',
      'hits',
      '--dump',
      'table',
    ])
    expect(stdout).toBe(
      'count: returned 22 (0x16)\n  hits = 0x16\n  hits = 0x16\n  table:\n    0x0: 0x0\n    0x1: 0x0\n',
    )
  })

  test('--json gives one object', async () => {
    const { stdout } = await harena(['run', COUNT, '--json', '--dump', 'globals'])
    const { durationNs, ...rest } = JSON.parse(stdout)
    expect(typeof durationNs).toBe('number')
    expect(rest).toEqual({
      file: COUNT,
      program: 'count',
      engine: 'jit',
      verdict: 'accepted',
      r0: '0x2a',
      retval: 42,
      repeat: 1,
      output: [],
      globals: { hits: '0x2a' },
      dump: { hits: '0x2a' },
    })
  })

  test('the verdict on a packet by name, and the packet', async () => {
    const data = '02'.repeat(16)
    const { status, stdout } = await harena(['run', XDP, '--program', 'turn', '--data', `hex:${data}`])
    expect([status, stdout]).toEqual([0, `turn: returned 3 (0x3)\n  packet: XDP_TX\n  data = hex:ff${data.slice(2)}\n`])
    const odd = await harena(['run', XDP, '--program', 'turn', '--data', `hex:${data}`, '--ctx', 'zero:4'])
    expect(odd.stdout).toContain('packet: XDP_ABORTED (5 is no action)')
    const long = await harena(['run', XDP, '--program', 'turn', '--data', 'zero:257'])
    expect(long.stdout).toContain(`hex:ff${'00'.repeat(255)}… (257 bytes)\n`)
  })

  test('a socket filter, with a context, for machines', async () => {
    const options = ['--program', 'filter', '--data', 'zero:16', '--ctx', 'hex:000000000000000007', '--json']
    const { stdout } = await harena(['run', XDP, ...options])
    expect(JSON.parse(stdout)).toMatchObject({
      retval: 7,
      packetVerdict: 'kept, up to 7 bytes',
      data: `hex:${'00'.repeat(16)}`,
      ctx: expect.stringMatching(/^hex:0{16}07[0-9a-f]{366}$/u),
    })
  })

  test('a packet that cannot be, and one where there is no place for it', async () => {
    const short = await harena(['run', XDP, '--program', 'turn', '--data', 'zero:13'])
    expect([short.status, short.stderr]).toEqual([
      2,
      'harena: program turn: a packet has at least 14 bytes, not 13: EINVAL\n',
    ])
    const nmi = await harena(['run', XDP, '--program', 'turn', '--data', 'zero:16', '--context', 'nmi'])
    expect([nmi.status, nmi.stderr]).toEqual([
      2,
      'harena: program turn: xdp programs run in task or softirq context, not in nmi\n',
    ])
  })

  test('64 bits of r0 are shown, 32 are the result', async () => {
    expect((await harena(['run', WIDE])).stdout).toBe('wide: returned 1432778632 (0x55667788, r0 0x1122334455667788)\n')
  })

  test('what programs print goes to standard error', async () => {
    const { stdout, stderr } = await harena(['run', PRINTING])
    expect({ stdout, stderr }).toEqual({ stdout: 'hello: returned 0 (0x0)\n', stderr: 'hello: hi\n' })
  })

  test('a rejected program: its log, exit 1', async () => {
    const { status, stdout, stderr } = await harena(['run', TWO, '--program', 'b'])
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain('R5 !read_ok')
    expect(stderr).toContain(`${TWO}:5: program b was rejected at instruction 0: R5 !read_ok`)
  })

  test('a program rejected as a whole is told with its file', async () => {
    const { status, stderr } = await harena(['run', file('tc.s', '.program p type=tc\nexit\n')])
    expect(status).toBe(1)
    expect(stderr).toContain('harena: tc.s: program p was rejected: harena does not implement program type tc\n')
  })

  test('a rejected program for machines', async () => {
    const { status, stdout } = await harena(['run', TWO, '--program', 'b', '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      file: TWO,
      program: 'b',
      verdict: 'rejected',
      errno: 'EACCES',
      instruction: 0,
      message: 'R5 !read_ok',
    })
  })

  test('an unchecked program faults at the instruction, exit 3', async () => {
    const { status, stderr } = await harena(['run', FAULTING, '--unchecked'])
    expect(status).toBe(3)
    expect(stderr).toContain('instruction 2')
    expect(stderr).toContain('r0 = *(u64 *)(r1 + 8)')
    expect(JSON.parse((await harena(['run', FAULTING, '--unchecked', '--json'])).stdout)).toMatchObject({
      verdict: 'fault',
      instruction: 2,
      address: '0x123c',
    })
  })

  test('an unchecked program that has written over the lists of the kernel is told so, exit 3', async () => {
    const body = `r1 = pool ll\ncall bpf_mem_cache_alloc\n*(u64 *)(r0 + 8) = 1\n*(u64 *)(r0 - 24) = 1\nr0 = 0\nexit\n`
    const corrupt = file('corrupt.bpf.s', `.alloc pool size=8\n.program p type=syscall\n${body}`)
    for (const json of [[], ['--json']]) {
      const { status, stdout, stderr } = await harena(['memstat', corrupt, '--unchecked', ...json])
      expect(status).toBe(3)
      expect(stderr).toMatch(/^harena: program p, which ran unchecked, has corrupted kernel memory: .*\n$/u)
      if (json.length > 0) expect(JSON.parse(stdout)).toMatchObject({ verdict: 'fault' })
    }
  })

  test('an endless unchecked program ends at the time-out, exit 3', async () => {
    const run = ['run', ENDLESS, '--unchecked', '--timeout', '0.2']
    expect(await harena(run)).toEqual({ status: 3, stdout: '', stderr: 'harena: timed out\n' })
    const { status, stderr } = await harena([...run, '--engine', 'interpreter'])
    expect([status, stderr]).toEqual([3, 'harena: timed out at instruction 0\n'])
  })

  test('a time-out may be a fraction of a second', async () => {
    expect((await harena(['run', ENDLESS, '--unchecked', '--timeout', '0.05'])).status).toBe(3)
    const { status, stderr } = await harena(['run', COUNT, '--timeout', '1e9'])
    expect([status, stderr]).toEqual([2, "harena: --timeout takes seconds from 0 to 1000000, not '1e9'\n"])
  })

  test('arrays and structs are shown as bytes, whatever their size', async () => {
    const source = `.struct pair
  a: u16
  b: u16
.end
.map typed type=array value=u8[4]
.map number type=array value=u32
.map pairs type=array value=pair
.global mac: u8[4] = {1, 2, 3, 4}
.global both: pair
.global word: u32 = 0x04030201
.program p type=syscall
  r1 = mac ll
  *(u8 *)(r1 + 0) = 9
  r1 = pairs + 0 ll
  *(u32 *)(r1 + 0) = 0x01020304
  r0 = 0
  exit
`
    const dumps = ['globals', 'typed', 'number', 'pairs'].flatMap((name) => ['--dump', name])
    const bytes = file('bytes.bpf.s', source)
    expect((await harena(['run', bytes, ...dumps])).stdout.split('\n')).toEqual([
      'p: returned 0 (0x0)',
      '  mac = hex:09020304',
      '  mac = hex:09020304',
      '  word = 0x4030201',
      '  both = hex:00000000',
      '  typed = 0x0: hex:00000000',
      '  number = 0x0: 0x0',
      '  pairs = 0x0: hex:04030201',
      '',
    ])
    expect(JSON.parse((await harena(['run', bytes, '--json'])).stdout).globals).toEqual({ mac: 'hex:09020304' })
    const untyped = file('untyped.bpf.s', '.global mac: u8[4] = {1, 2, 3, 4}\nr0 = 0\nexit\n')
    expect((await harena(['run', untyped, '--dump', 'mac'])).stdout).toContain('mac = hex:01020304\n')
  })

  test('--trace shows each instruction on standard error', async () => {
    const { status, stderr, stdout } = await harena(['run', COUNT, '--trace', '--engine', 'interpreter'])
    expect(status).toBe(0)
    expect(stderr.trimEnd().split('\n')).toHaveLength(6)
    expect(stderr).toContain('(07) r2 += 2')
    // Which engine that is goes without saying where it was asked for.
    const byDefault = await harena(['run', COUNT, '--trace', '--repeat', '1'])
    expect(byDefault).toEqual({ status, stdout, stderr: `harena: --trace runs on the interpreter\n${stderr}` })
  })

  test('an arena at a multiple of 4 GiB gets a hint', async () => {
    const source = '.map arena type=arena entries=4 extra=0x100000000000\nr1 = arena ll\nr0 = 0\nexit\n'
    expect((await harena(['run', file('zero.bpf.s', source)])).stderr).toContain('casts to NULL')
  })

  test('an arena of other programs gets none', async () => {
    const source = `.map arena type=arena entries=4 extra=0x100000000000
.program a type=syscall
r0 = 0
exit
.program b type=syscall
call f
exit
.func f
r1 = arena ll
r0 = 0
exit
`
    const two = file('zero-two.bpf.s', source)
    expect((await harena(['run', two, '--program', 'a'])).stderr).toBe('')
    expect((await harena(['run', two, '--program', 'b'])).stderr).toContain('hint: arena arena starts at')
  })
})

describe('in a process of its own', () => {
  test('exit codes and streams', () => {
    expect(spawned(['run', COUNT])).toEqual({
      status: 0,
      stdout: 'count: returned 42 (0x2a)\n  hits = 0x2a\n',
      stderr: '',
    })
    expect(spawned(['verify', TWO, '--program', 'b']).status).toBe(1)
    expect(spawned(['run', FAULTING, '--unchecked']).status).toBe(3)
  })
  test('no stack trace, no colour codes', () => {
    const { status, stderr } = spawned(['run', BROKEN])
    expect(status).toBe(2)
    expect(stderr).toMatch(/3 errors\n$/)
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m)
    expect(stderr).not.toContain('\x1b')
  })
})

describe('help', () => {
  test.each([[['--help']], [['help']], [['run', '--help']], [['help', 'verify']]])('%j exits 0', async (args) => {
    const { status, stdout } = await harena(args)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^usage: harena/)
  })
  test('--version', async () => expect((await harena(['--version'])).stdout).toMatch(/^harena \d+\.\d+\.\d+\n$/))
  test('nothing at all is bad usage', async () => expect((await harena([])).status).toBe(2))
})
