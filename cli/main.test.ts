/** The command as users run it, judged by its exit code and what it prints; some of it in a process of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Io } from './io.ts'
import { execute } from './main.ts'

const ROOT: string = resolve(import.meta.dirname, '..')
const folder: string = mkdtempSync(join(tmpdir(), 'harena-cli-'))
const before = process.cwd()
process.chdir(folder)
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

interface Result {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

async function harena(args: readonly string[], input = '', io: Partial<Io> = {}): Promise<Result> {
  let stdout = ''
  let stderr = ''
  const status = await execute(args, {
    out: (text) => {
      stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
    },
    err: (text) => {
      stderr += text
    },
    input: () => input,
    terminal: false,
    now: () => 0,
    ...io,
  })
  return { status, stdout, stderr }
}

/** In a process of its own. */
function spawned(args: readonly string[]): Result {
  const result = spawnSync(process.execPath, [join(ROOT, 'bin/harena.js'), ...args], { cwd: folder, encoding: 'utf8' })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

/** Writes a file into the folder that commands run in. */
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return name
}

const COUNT = file(
  'count.bpf.s',
  `.global hits: u64 = 40
.map table type=array key=4 value=8 entries=2
.program count type=syscall
    r1 = hits ll
    r2 = *(u64 *)(r1 + 0)
    r2 += 2
    *(u64 *)(r1 + 0) = r2
    r0 = r2
    exit
`,
)
const TWO = file('two.bpf.s', '.program a type=syscall\nr0 = 1\nexit\n.program b type=syscall\nr0 = r5\nexit\n')
const WIDE = file('wide.bpf.s', 'r0 = 0x1122334455667788 ll\nexit\n')
const PRINTING = file(
  'printing.bpf.s',
  `.license "GPL"
.program hello type=syscall
    r1 = 0x0a6968                        # "hi\\n"
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    w2 = 4
    call bpf_trace_printk
    r0 = 0
    exit
`,
)
const XDP = file(
  'xdp.bpf.s',
  `.program turn type=xdp
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    r0 = 5
    if r4 > r3 goto 1f
    *(u8 *)(r2 + 0) = 255
    r0 = 3
1:
    exit
.program filter type=socket
    r0 = *(u32 *)(r1 + 8)
    exit
`,
)
const ENDLESS = file('endless.bpf.s', 'again:\n goto again\n exit\n')
/** Some 200,000 instructions of verification: a bounded loop, walked round by round. */
const SLOW = file(
  'slow.bpf.s',
  `r1 = 0
again:
    r1 += 1
    if r1 < 60000 goto again
    r0 = 0
    exit
`,
)
const FAULTING = file('faulting.bpf.s', 'r0 = 0\nr1 = 0x1234\nr0 = *(u64 *)(r1 + 8)\nexit\n')
const BROKEN = file('broken.bpf.s', '.program p type=syscall\n    r0 = \n    r11 = 1\n    cal bpf_x\n    exit\n')

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
      engine: 'interpreter',
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

  test('an endless unchecked program ends at the time-out, exit 3', async () => {
    const { status, stderr } = await harena(['run', ENDLESS, '--unchecked', '--timeout', '1'])
    expect(status).toBe(3)
    expect(stderr).toMatch(/timed out at instruction 0/)
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
.global mac: u8[4] = {1, 2, 3, 4}
.global both: pair
.global word: u32 = 0x04030201
.program p type=syscall
  r1 = mac ll
  *(u8 *)(r1 + 0) = 9
  r0 = 0
  exit
`
    const dumps = ['globals', 'typed', 'number'].flatMap((name) => ['--dump', name])
    const bytes = file('bytes.bpf.s', source)
    expect((await harena(['run', bytes, ...dumps])).stdout.split('\n')).toEqual([
      'p: returned 0 (0x0)',
      '  mac = hex:09020304',
      '  mac = hex:09020304',
      '  word = 0x4030201',
      '  both = hex:00000000',
      '  typed = 0x0: hex:00000000',
      '  number = 0x0: 0x0',
      '',
    ])
    expect(JSON.parse((await harena(['run', bytes, '--json'])).stdout).globals).toEqual({ mac: 'hex:09020304' })
    const untyped = file('untyped.bpf.s', '.global mac: u8[4] = {1, 2, 3, 4}\nr0 = 0\nexit\n')
    expect((await harena(['run', untyped, '--dump', 'mac'])).stdout).toContain('mac = hex:01020304\n')
  })

  test('--trace shows each instruction on standard error', async () => {
    const { status, stderr } = await harena(['run', COUNT, '--trace'])
    expect(status).toBe(0)
    expect(stderr.trimEnd().split('\n')).toHaveLength(6)
    expect(stderr).toContain('(07) r2 += 2')
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

describe('progress on a terminal', () => {
  /** Each look at the clock finds it that much later. */
  const watched = (step: number): Partial<Io> => {
    let now = 0
    return {
      terminal: true,
      now: () => {
        now += step
        return now
      },
    }
  }

  test('a long run: one line, rewritten, wiped before the message', async () => {
    const { stderr } = await harena(['run', ENDLESS, '--unchecked', '--timeout', '0.2'], '', watched(700))
    const [nothing, ...lines] = stderr.split('\r')
    expect(nothing).toBe('')
    expect(lines[0]).toBe('running endless: 1 s')
    expect(lines.slice(0, -2).every((line) => /^running endless: \d+ s$/u.test(line))).toBe(true)
    expect(lines.at(-2)).toMatch(/^ +$/u)
    expect(lines.at(-1)).toMatch(/^harena: timed out at instruction 0/u)
  })

  test('what a program prints takes its place', async () => {
    const { stderr } = await harena(['run', PRINTING, '--repeat', '4'], '', watched(600))
    expect(stderr).toContain('hello: hi\n')
    for (const line of stderr.split('\n')) expect(line).toMatch(/^(?:\rrunning hello: \d+ s\r {18}\r)?(?:hello: hi)?$/u)
    expect(stderr).toContain('running hello: 1 s')
  })

  test('a long verification tells how far it is', async () => {
    const { status, stderr } = await harena(['verify', SLOW], '', watched(600))
    expect(status).toBe(0)
    expect(stderr).toMatch(/^\rverifying slow: \d+ instructions\r/u)
    expect(stderr).toMatch(/\r +\r$/u)
    expect((await harena(['run', SLOW], '', watched(600))).stderr).toMatch(/^\rverifying slow: \d+ instructions\r/u)
  })

  test('several programs are counted', async () => {
    const { stdout, stderr } = await harena(['verify', TWO], '', watched(600))
    expect(stderr).toBe(`\rverifying b (2 of 2)\r${' '.repeat(20)}\r`)
    expect(stdout).toBe((await harena(['verify', TWO])).stdout)
  })

  test('nothing within the first second, nothing without a terminal', async () => {
    expect((await harena(['verify', SLOW], '', watched(1))).stderr).toBe('')
    expect((await harena(['run', SLOW], '', watched(1))).stderr).toBe('')
    expect((await harena(['verify', SLOW], '', { ...watched(600), terminal: false })).stderr).toBe('')
    expect((await harena(['run', SLOW], '', { ...watched(600), terminal: false })).stderr).toBe('')
  })
})

describe('verify', () => {
  test('every program of the file; exit 1 when one is rejected', async () => {
    const { status, stdout } = await harena(['verify', TWO])
    expect(status).toBe(1)
    expect(stdout).toContain('a: accepted\n')
    expect(stdout).toContain('b: rejected (EACCES): R5 !read_ok\n')
  })

  test('--json: an array of several, an object for one', async () => {
    const several = JSON.parse((await harena(['verify', TWO, '--json'])).stdout)
    expect(several.map((each: { verdict: string }) => each.verdict)).toEqual(['accepted', 'rejected'])
    expect(JSON.parse((await harena(['verify', TWO, '--json', '--program', 'a'])).stdout)).toMatchObject({
      program: 'a',
      verdict: 'accepted',
      processed: 2,
      states: 0,
      peakStates: 0,
      stackDepth: '0',
    })
  })

  test('--log-level 2 prints every state', async () => {
    expect((await harena(['verify', WIDE, '--log-level', '2'])).stdout).toContain('0: R1=ctx() R10=fp0')
  })
})

describe('asm and disasm', () => {
  test('bytes to a file and back', async () => {
    expect((await harena(['asm', WIDE, '-o', 'wide.bin'])).status).toBe(0)
    expect(readFileSync(join(folder, 'wide.bin')).toString('hex')).toBe(
      '1800000088776655000000004433221195'.padEnd(48, '0'),
    )
    const { stdout } = await harena(['disasm', 'wide.bin'])
    expect(stdout).toContain('r0 = 1234605616436508552 ll')
    file('again.bpf.s', stdout)
    expect((await harena(['asm', 'again.bpf.s'])).status).toBe(0)
    expect(readFileSync(join(folder, 'again.bin'))).toEqual(readFileSync(join(folder, 'wide.bin')))
  })

  test('what is disassembled from assembly assembles to the same bytes, maps and globals included', async () => {
    for (const name of ['arena-list/arena-list', 'arena-hashtable/arena-hashtable', 'arena-rbtree/arena-rbtree']) {
      const original = join(ROOT, 'examples', `${name}.bpf.s`)
      const { stdout } = await harena(['disasm', original])
      file('back.bpf.s', stdout)
      for (const [, program] of stdout.matchAll(/^\.program (\w+)/gm)) {
        const asm = (source: string): Promise<Result> => harena(['asm', source, '--program', program ?? '', '-o', '-'])
        expect((await asm('back.bpf.s')).stdout).toBe((await asm(original)).stdout)
      }
    }
  })

  test('addresses of maps come back as they were', async () => {
    const source = `.license "GPL"
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.map one type=array key=4 value=16 entries=1
.program p type=syscall
  r1 = one + 8 ll
  r1 = *(u64 *)(r1 + 0)
  r1 = arena ll
  r1 = one + 0 ll
  r0 = arena + 8192 ll
  exit
`
    const map = file('map.bpf.s', source)
    expect((await harena(['disasm', map])).stdout).toBe(source)
    expect((await harena(['run', map])).stdout).toBe('p: returned 73728 (0x12000, r0 0x100000012000)\n')
  })

  test("the kernel's syntax", async () => {
    expect((await harena(['disasm', WIDE, '--syntax', 'kernel'])).stdout).toContain(
      '0: (18) r0 = 0x1122334455667788\n2: (95) exit',
    )
  })
})

test('inspect shows programs, maps, globals and references', async () => {
  const { stdout } = await harena(['inspect', COUNT])
  for (const part of ['count syscall', '0: map-value .data', 'table array', 'hits: .data + 0, 8 bytes']) {
    expect(stdout).toContain(part)
  }
  expect(JSON.parse((await harena(['inspect', COUNT, '--json'])).stdout)).toMatchObject({ license: expect.any(String) })
})

test('conformance: hex in, hex out', async () => {
  const program = '7911000000000000bf10000000000000 9500000000000000'
  expect((await harena(['conformance', '0807060504030201'], program)).stdout).toBe('102030405060708\n')
  expect((await harena(['conformance'], 'ff')).status).toBe(2)
  const endless = await harena(['conformance', '--timeout', '0.05'], '0500ffff00000000', {
    now: () => performance.now(),
  })
  expect([endless.status, endless.stderr]).toEqual([3, 'harena: timed out at instruction 0\n'])
  expect((await harena(['conformance'], 'xy')).stderr).toContain("'x' is no hex digit")
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

describe('bad input for machines: one object, and the message on standard error', () => {
  test.each(['run', 'verify', 'inspect'])('%s', async (command) => {
    const broken = await harena([command, BROKEN, '--json'])
    expect(broken.status).toBe(2)
    expect(broken.stderr).toContain('3 errors')
    const { verdict, message, errors } = JSON.parse(broken.stdout)
    expect([verdict, message]).toEqual(['error', errors[0].message])
    expect(errors.map((error: { line: number }) => error.line)).toEqual([2, 3, 4])
    expect(errors[0]).toMatchObject({ file: BROKEN, column: expect.any(Number) })

    const missing = await harena([command, 'nowhere.s', '--json'])
    expect(JSON.parse(missing.stdout)).toEqual({ verdict: 'error', message: 'nowhere.s: no such file' })
    const wrong = await harena([command, '--json', '--jsn'])
    expect(JSON.parse(wrong.stdout)).toMatchObject({ verdict: 'error', message: expect.stringContaining('--jsn') })
  })

  test('with the number of what the kernel would refuse', async () => {
    const none = file('none-json.s', '.map m type=array entries=0\nr1 = m ll\nr0 = 0\nexit\n')
    for (const command of ['run', 'verify']) {
      const { status, stdout } = await harena([command, none, '--json'])
      expect(status).toBe(2)
      expect(JSON.parse(stdout)).toMatchObject({ verdict: 'error', errno: 'EINVAL', message: expect.any(String) })
    }
  })
})

describe('bad input: exit 2 and a message, never a stack trace', () => {
  const long = file('long.bpf.s', `r0 = ${'1'.repeat(10_000_000)}\n`)
  const junk = file(
    'junk',
    Uint8Array.from({ length: 1000 }, (_, i) => (i * 37 + 2) & 0xff),
  )
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no file', ['run', 'nowhere.bpf.s'], /^harena: nowhere\.bpf\.s: no such file\n$/],
    ['a directory', ['run', '.'], /^harena: \.: this is a directory\n$/],
    ['an empty file', ['run', file('empty.bpf.s', '')], /empty\.bpf\.s/],
    [
      'binary junk',
      [
        'run',
        file(
          'junk.o',
          Uint8Array.from({ length: 1001 }, (_, i) => (i * 37) & 0xff),
        ),
      ],
      /junk\.o/,
    ],
    ...['run', 'verify', 'asm', 'disasm', 'inspect'].map(
      (command) =>
        [
          `binary junk of whole slots: ${command}`,
          [command, junk],
          /^harena: junk: neither assembly nor instructions: slot 0: unknown opcode 0x02\n$/,
        ] as const,
    ),
    [
      'an ELF object',
      ['run', file('x.bpf.o', '\x7fELF\x02\x01\x01')],
      /^harena: x\.bpf\.o: ELF objects are not read yet\n$/,
    ],
    ['a line of 10 MB', ['run', long], /long\.bpf\.s:1:1: error: the line is 10000006 characters long/],
    ['errors, all in one go', ['run', BROKEN], /:2:.*\n[\s\S]*:3:.*\n[\s\S]*:4:.*\n[\s\S]*3 errors/],
    [
      'an unknown map type',
      ['run', file('m.s', '.map m type=hsh\nr0 = 0\nexit\n')],
      /m\.s:1:\d+: error: .*hsh[\s\S]*hint: .*hash/,
    ],
    ['no entries', ['run', file('z.s', '.map m type=array entries=0\nr1 = m ll\nr0 = 0\nexit\n')], /EINVAL/],
    ['too many entries', ['run', file('a.s', '.map m type=arena entries=1048577\nr1 = m ll\nr0 = 0\nexit\n')], /E2BIG/],
    ['several programs', ['run', TWO], /several programs; choose with --program: a, b/],
    ['no such program', ['run', TWO, '--program', 'c'], /no program c: a, b/],
    ['an unknown option', ['run', COUNT, '--sede', '1'], /unknown option --sede of harena run; did you mean --seed\?/],
    ['an unknown command', ['rnu'], /unknown command 'rnu'; did you mean run\?/],
    ['a global that is not there', ['run', COUNT, '--set', 'hit=1'], /no global hit; did you mean hits\?/],
    ['a value too wide', ['run', COUNT, '--set', 'hits=0x1ffffffffffffffff'], /does not fit in 8 bytes/],
    ['a command to come', ['memstat', COUNT], /harena does not implement the command memstat/],
    ['an engine to come', ['run', COUNT, '--engine', 'jit'], /harena does not implement engine jit/],
    ['an unknown policy', ['run', COUNT, '--policy', 'placment=x'], /no policy placment; did you mean placement\?/],
    ['a policy to come', ['run', COUNT, '--policy', 'slab=own'], /harena does not implement policy slab/],
    [
      "a policy's value",
      ['run', COUNT, '--policy', 'placement=worst'],
      /placement is best-fit or first-fit, not worst/,
    ],
    ['an option twice', ['run', COUNT, '--seed', '1', '--seed=2'], /option --seed is given twice/],
    [
      'a helper that is none',
      ['run', '--unchecked', file('none.s', 'call 9999\nexit\n')],
      /^harena: none\.s: program none: instruction 0: there is no helper 9999\n$/,
    ],
    ['a CPU that is not there', ['run', COUNT, '--cpu', '3'], /cpu/i],
    ['an output that is the input', ['asm', COUNT, '-o', COUNT], /would overwrite/],
    ['an ELF output', ['asm', COUNT, '-o', 'x.o'], /ELF objects are not written yet/],
    ['raw instructions that are cut short', ['disasm', file('cut.bin', new Uint8Array(13))], /cut\.bin/],
  ]
  test.each(cases)('%s', async (_name, args, message) => {
    const { status, stdout, stderr } = await harena(args)
    expect(stderr).toMatch(message)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+/m)
    expect(stderr.length).toBeLessThan(4000)
  })

  test('what harena knows of but lacks is a rejection', async () => {
    const source = '.map m type=hash key=4 value=8 entries=4\nr1 = m ll\nr0 = 0\nexit\n'
    const { status, stderr } = await harena(['run', file('hash.bpf.s', source)])
    expect(status).toBe(1)
    expect(stderr).toContain('harena does not implement map type hash')
  })

  test('for machines too', async () => {
    const { status, stdout } = await harena(['run', BROKEN, '--json'])
    expect(status).toBe(2)
    const parsed = JSON.parse(stdout)
    expect(parsed.verdict).toBe('error')
    expect(parsed.errors).toHaveLength(3)
    expect(parsed.errors[0]).toMatchObject({ file: BROKEN, line: 2 })
  })
})
