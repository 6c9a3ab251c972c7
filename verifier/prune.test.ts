/** Figures that Linux 6.18.44 gave for the same programs: processed, total_states, max_states_per_insn. */

import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import type { VerifierStats } from '../errors/errors.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { PROGRAM_FLAGS } from '../program/types.ts'
import { judge, loadable, sourcesSeen } from './testing.ts'

/** Helper calls in a row, to see when states are stored. */
function callsInRow(calls: number): string {
  return `${'  call bpf_get_prandom_u32\n'.repeat(calls)}  r0 = 0\n  exit\n`
}

function boundedLoop(rounds: number): string {
  return `  r1 = 0\nl:\n  r1 += 1\n  if r1 < ${rounds} goto l\n  r0 = 0\n  exit\n`
}

const ENDLESS_LOOP = '  r0 = 0\nl:\n  r0 += 1\n  goto l\n'

/** Paths put aside without end. */
const TOO_MANY_PATHS = '  r6 = 0\n  r0 = 0\n  goto m\nl:\n  r6 += 1\n  goto m\nm:\n  may_goto l\n  exit\n'

function figures(body: string, flags = 0): VerifierStats {
  const program = loadable(`.program p type=syscall\n${body}`)
  const found = judge({ ...program, flags: program.flags | flags }, { logLevel: 0 })
  return found.accepted ? found.program.stats : found.error.stats
}

describe('when a state is stored', () => {
  test.each([
    [6, 0],
    [7, 1],
    [14, 1],
    [15, 2],
    [31, 4],
    [40, 5],
  ])('%i calls in a row: %i states', (calls, states) => {
    expect(figures(callsInRow(calls)).totalStates).toBe(states)
  })
})

describe('a bounded loop', () => {
  test.each([
    [3, 0, 0],
    [10, 2, 1],
    [100, 6, 4],
    [1000, 51, 4],
  ])('of %i rounds: %i states, %i at most for an instruction', (rounds, total, most) => {
    const stats = figures(boundedLoop(rounds))
    expect([stats.processed, stats.totalStates, stats.maxStatesPerInsn]).toEqual([2 * rounds + 3, total, most])
  })

  test.each([
    [3, 6, 2],
    [10, 20, 4],
    [100, 200, 4],
  ])('of %i rounds, a state at every point: %i, %i', (rounds, total, most) => {
    const stats = figures(boundedLoop(rounds), PROGRAM_FLAGS.test_state_freq)
    expect([stats.totalStates, stats.maxStatesPerInsn]).toEqual([total, most])
  })
})

describe('limits', () => {
  test('a loop that never ends otherwise ends here', () => {
    const program = loadable(`.program p type=syscall\n${ENDLESS_LOOP}`)
    const found = judge(program, { logLevel: 0 })
    expect(found.accepted).toBe(false)
    if (found.accepted) return
    expect(found.error.errno).toBe('E2BIG')
    expect(found.error.reason).toBe('BPF program is too large. Processed 1000001 insn')
  })

  test('too many paths put aside', () => {
    const found = judge(loadable(`.program p type=syscall\n${TOO_MANY_PATHS}`), { logLevel: 0 })
    expect(found.accepted).toBe(false)
    if (found.accepted) return
    expect(found.error.errno).toBe('ENOMEM')
    expect(found.error.reason).toBe('The sequence of 8193 jumps is too complex.')
  })
})

describe('without pruning', () => {
  // Two ways that join: with pruning the second is covered where they meet.
  const body = `  call bpf_get_prandom_u32
  r6 = r0
  if r6 > 5 goto a
  r6 = 1
a:
${'  call bpf_get_prandom_u32\n'.repeat(10)}  r0 = 0\n  exit\n`

  test('both ways are walked to the end', () => {
    const program = loadable(`.program p type=syscall\n${body}`)
    const pruned = judge(program, { logLevel: 0 })
    const whole = judge(program, { logLevel: 0, prune: false })
    if (!pruned.accepted || !whole.accepted) throw new Error('refused')
    expect(pruned.program.stats.processed).toBeLessThan(whole.program.stats.processed)
    expect(whole.program.stats.processed).toBe(3 + 1 + 12 + 12)
  })
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(10)
  expect(await otherVerdicts(sources)).toEqual([])
})
