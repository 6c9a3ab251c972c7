import { describe, expect, test } from 'vitest'
import { BROKEN, COUNT, file, harena, TWO, useFolder } from './testing.ts'

useFolder()

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
    ['a command to come', ['skeleton', COUNT], /harena does not implement the command skeleton/],
    [
      'an engine that cannot',
      ['run', COUNT, '--engine', 'jit', '--trace'],
      /--trace runs on the interpreter; --engine jit/,
    ],
    ['an unknown engine', ['run', COUNT, '--engine', 'jot'], /--engine takes jit, interpreter or linux, not 'jot'/],
    ['an unknown policy', ['run', COUNT, '--policy', 'placment=x'], /no policy placment; did you mean placement\?/],
    ['a wrong value of a policy', ['run', COUNT, '--policy', 'debug=yes'], /policy debug is off or on, not yes/],
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
    const source = '.map m type=lpm_trie key=4 value=8 entries=4\nr1 = m ll\nr0 = 0\nexit\n'
    const { status, stderr } = await harena(['run', file('hash.bpf.s', source)])
    expect(status).toBe(1)
    expect(stderr).toContain('harena does not implement map type lpm_trie')
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
