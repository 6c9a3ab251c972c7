/**
 * Whole logs as Linux 6.18.44 wrote them at level 2, for the programs in testdata/: a program, `---` with the verdict,
 * the log. Addresses of maps and numbers of kfuncs are another machine's, so both sides are stripped of them.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { kfuncNamed } from '../program/kfuncs.ts'
import { judge, loadable, logOf, sourcesSeen, type Verdict } from './testing.ts'
import { verify } from './verify.ts'

interface Case {
  readonly name: string
  readonly flags: number
  readonly source: string
  readonly verdict: string
  readonly log: string
}

const DIRECTORY = new URL('./testdata/', import.meta.url)

function readCases(file: string): Case[] {
  const text = readFileSync(new URL(file, DIRECTORY), 'utf8')
  return text
    .split(/^=== /mu)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, title, body, verdict, log] = /^(.*)\n([\s\S]*?)\n--- (.*)\n([\s\S]*)$/u.exec(part) ?? []
      const [, name, flags] = /^(.*?)(?: \[flags (\d+)\])?$/u.exec(title ?? '') ?? []
      const source = /^\.program/mu.test(body ?? '') ? body! : `.program p type=syscall\n${body}`
      return { name: name!, flags: Number(flags ?? 0), source, verdict: verdict!, log: log!.trimEnd() }
    })
}

function strip(log: string): string {
  return log
    .replaceAll(/0xffff(?:88|c9)[0-9a-f]{10}|ADDRESS/gu, 'ADDRESS')
    .replaceAll(/(bpf_\w+)#\d+/gu, (call, name: string) => (kfuncNamed(name) === undefined ? call : `${name}#ID`))
    .replaceAll(/(#ID) +;/gu, '$1 ;')
    .replaceAll(/map=\.(bss|data)/gu, 'map=$1')
    .trimEnd()
}

function run(source: string, flags: number, logLevel: number): Verdict {
  const program = loadable(source)
  return judge({ ...program, flags: program.flags | flags }, { logLevel, cpus: 2 })
}

for (const file of readdirSync(DIRECTORY)) {
  describe(file.replace('.txt', ''), () => {
    test.each(readCases(file))('$name', ({ source, flags, verdict, log }) => {
      const found = run(source, flags, 2)
      expect(strip(found.log)).toBe(log)
      expect(found.accepted ? 'accepted' : `rejected ${found.error.errno}`).toBe(verdict)
    })

    test('the verdict and the figures do not depend on the log level', () => {
      for (const { source, flags, log } of readCases(file)) {
        const lastLine = log.slice(log.lastIndexOf('\n') + 1)
        expect(run(source, flags, 1).log.trimEnd().endsWith(lastLine)).toBe(true)
        expect(run(source, flags, 0).log).toBe('')
      }
    })
  })
}

describe('what comes with a refusal', () => {
  const found = run('.program p type=syscall\n  r2 = 1\n  r0 = *(u32 *)(r2 + 0)\n  exit\n', 0, 1)

  test('slot, errno, the line that names the error, and its place in the source', () => {
    if (found.accepted) throw new Error('accepted')
    const { error } = found
    expect(error.errno).toBe('EACCES')
    expect(error.instruction).toBe(1)
    expect(error.reason).toBe("R2 invalid mem access 'scalar'")
    expect(error.source?.line).toBe(3)
    expect(error.stats.processed).toBe(2)
  })

  test('before the walk there is no slot', () => {
    const early = run('.program p type=syscall\n  exit\n  r0 = 1\n  exit\n', 0, 1)
    if (early.accepted) throw new Error('accepted')
    expect(early.error.instruction).toBeUndefined()
    expect(early.error.reason).toBe('unreachable insn 1')
  })
})

describe('what is not there yet is refused by name', () => {
  test.each([
    [
      '  r1 = f ll\n  r0 = 0\n  r2 = r1\n  r1 = 1\n  r3 = 0\n  r4 = 0\n  call bpf_loop\n  exit\n.func f\n  r0 = 0\n  exit\n',
    ],
  ])('%j', (body) => {
    const found = run(`.program p type=syscall\n${body}`, 0, 1)
    expect(found.accepted).toBe(false)
    if (!found.accepted) expect(found.error.errno).toMatch(/EOPNOTSUPP|EINVAL/u)
  })

  test('helpers that the engines lack', () => {
    const source = '.program p type=syscall\n  call bpf_ktime_get_ns\n  exit\n'
    expect(judge(loadable(source), { implementedHelpers: new Set([5]) }).accepted).toBe(true)
    const found = judge(loadable(source), { implementedHelpers: new Set([7]) })
    expect(found.accepted).toBe(false)
    if (!found.accepted) expect(found.error.reason).toBe('harena does not implement bpf_ktime_get_ns')
  })
})

describe('options', () => {
  const merging = [
    '.program p type=syscall',
    '  call bpf_get_prandom_u32',
    ...Array.from({ length: 6 }, (_, i) => [`  if r0 > ${i + 10} goto l${i}`, '  r6 = 1', `l${i}:`]).flat(),
    '  r0 = 0',
    '  exit',
  ].join('\n')

  test('without pruning every path is walked to its end', () => {
    const pruned = verify(loadable(merging))
    const whole = verify(loadable(merging), { prune: false })
    expect(whole.stats.processed).toBeGreaterThanOrEqual(pruned.stats.processed)
  })

  test('loops that only pruning ends still end', () => {
    const source = '.program p type=syscall\n  r0 = 0\nl:\n  may_goto out\n  r0 += 1\n  goto l\nout:\n  exit\n'
    expect(verify(loadable(source), { prune: false }).stats.processed).toBeLessThan(50)
  })

  test('the observer sees every instruction with its state before it', () => {
    const seen: number[] = []
    const program = verify(loadable(merging), {
      observer: (slot, state, stored) => {
        expect(state.slot).toBe(slot)
        for (const checkpoint of stored.all()) expect(checkpoint.branches).toBeGreaterThanOrEqual(0)
        seen.push(slot)
      },
    })
    expect(seen.length).toBeLessThanOrEqual(program.stats.processed)
    expect(new Set(seen).size).toBe(program.program.insns.length)
  })

  test('level 4 is figures only', () => {
    expect(logOf('.program p type=syscall\n  r0 = 0\n  exit\n', { logLevel: 4 })).toBe(
      'verification time 0 usec\nstack depth 0\n' +
        'processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n',
    )
  })
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(20)
  expect(await otherVerdicts(sources)).toEqual([])
})
