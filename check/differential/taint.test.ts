/** Which runs the tracker lets be compared, and that those are the same on machines that differ in all that may. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../../asm/assemble.ts'
import { type Hook, STACK_BYTES } from '../../vm/state.ts'
import { HEADER, PROGRAM_NAME } from '../generate/write-program.ts'
import { testCount, testSeed } from '../seed.ts'
import { compare, isJudgement } from './compare.ts'
import { answerOfHarena } from './harena.ts'
import { judge, pose } from './pose.ts'
import { candidates, inputsFor } from './programs.ts'
import { NotComparable } from './taint.ts'

const ctx = BigUint64Array.of(5n, 6n, 7n, 8n)
const RUN = { program: PROGRAM_NAME, data: new Uint8Array(64).fill(8) }

/** `comparable`, or what of chance would show. */
function judgement(body: string, type: string, more: string): string {
  const object = assemble(`${HEADER}\n.program main type=${type}\n${body}\n  exit\n${more}`)
  const { data, program } = RUN
  const given = type === 'syscall' ? { ctx: new Uint8Array(ctx.slice().buffer) } : { data }
  try {
    const answer = judge({ object, runs: [{ program, ...given }] }, 1, { tracked: 'machines' })
    if (answer?.verdict !== 'accepted') throw new Error(JSON.stringify(answer))
    return 'comparable'
  } catch (error) {
    if (!(error instanceof NotComparable)) throw error
    return error.message
  }
}

const GLOBAL = 'r2 = g0 ll'
const KEY = 'r1 = arr ll\n r2 = r10\n r2 += -4'
const LOOK_UP = `*(u32 *)(r10 - 4) = 1\n ${KEY}\n call bpf_map_lookup_elem`
const CALLEE = '.func f\n  *(u64 *)(r10 - 8) = r1\n  r0 = *(u64 *)(r10 - 8)\n  exit\n'
const REUSED = '.func f\n  *(u64 *)(r10 - 8) = 1\n  r0 = 0\n  exit\n.func g\n  r0 = *(u64 *)(r10 - 8)\n  exit\n'

describe('syscall programs', () => {
  test.each([
    ['constants', 'r0 = 3\n r0 *= 5', 'comparable'],
    ['the context', 'r0 = *(u32 *)(r1 + 4)\n if r0 > 3 goto +0', 'comparable'],
    ['an address returned', 'r0 = r10', 'the result'],
    ['half an address', 'w0 = w10', 'the result'],
    ['two addresses apart', 'r0 = r10\n r0 -= r1', 'the result'],
    ['an address stored', `${GLOBAL}\n *(u64 *)(r2 + 0) = r10\n r0 = 0`, 'a value in memory'],
    ['a number stored', `${GLOBAL}\n *(u64 *)(r2 + 0) = 7\n r0 = *(u64 *)(r2 + 0)`, 'comparable'],
    ['an address added to memory', `${GLOBAL}\n lock *(u64 *)(r2 + 0) += r10\n r0 = 0`, 'a value in memory'],
    ['a number exchanged', `${GLOBAL}\n r0 = 1\n r0 = xchg_64(r2 + 0, r0)`, 'comparable'],
    ['an address compared', 'r0 = 0\n if r10 > 5 goto +0', 'a branch'],
    ['an address held against null', 'r0 = 0\n if r10 == 0 goto +0', 'comparable'],
    ['half of one held against null', 'r0 = 0\n if w10 == 0 goto +0', 'a branch'],
    ['what the stack held', 'r0 = *(u64 *)(r10 - 8)', 'the result'],
    ['what it was given', '*(u64 *)(r10 - 8) = 4\n r0 = *(u64 *)(r10 - 8)', 'comparable'],
    ['less than is read of it', '*(u32 *)(r10 - 8) = 4\n r0 = *(u64 *)(r10 - 8)', 'the result'],
    ['a number added to what it held', 'r0 = 1\n lock *(u64 *)(r10 - 8) += r0\n r0 = *(u64 *)(r10 - 8)', 'the result'],
    [
      'an address saved and used',
      '*(u64 *)(r10 - 8) = r1\n r2 = *(u64 *)(r10 - 8)\n r0 = *(u8 *)(r2 + 3)',
      'comparable',
    ],
    [
      'an address saved and cut',
      '*(u64 *)(r10 - 8) = r1\n *(u8 *)(r10 - 8) = 1\n r0 = *(u32 *)(r10 - 8)',
      'the result',
    ],
    [
      'a stack address that varies',
      'r2 = *(u64 *)(r1 + 0)\n r2 &= 7\n r2 += r10\n *(u8 *)(r2 - 16) = 1\n r0 = 0',
      'comparable',
    ],
    ['time', 'call bpf_ktime_get_ns', 'the result'],
    ['random numbers', 'call bpf_get_prandom_u32\n if r0 > 5 goto +0\n r0 = 0', 'a branch'],
    ['one that nobody sees', 'call bpf_get_prandom_u32\n r0 = 0', 'comparable'],
    ['a look-up', `${LOOK_UP}\n if r0 == 0 goto +1\n r0 = *(u64 *)(r0 + 0)`, 'comparable'],
    ['one that finds nothing', `${LOOK_UP.replace('= 1', '= 99')}\n if r0 == 0 goto +1\n r0 = 1`, 'comparable'],
    ['its address', LOOK_UP, 'the result'],
    ['by a key that the stack held', `${KEY}\n call bpf_map_lookup_elem\n r0 = 0`, 'what a helper reads'],
    ['a cast of a number', 'r0 = arena ll\n r0 = addr_space_cast(r0, 0, 1)\n r0 = 0', 'comparable'],
    [
      'an arena pointer',
      'r0 = arena ll\n r2 = 8\n r2 = addr_space_cast(r2, 0, 1)\n r0 = *(u64 *)(r2 + 0)\n r0 += r2',
      'comparable',
    ],
    [
      'a cast of an address',
      'r0 = arena ll\n r2 = addr_space_cast(r10, 0, 1)\n r0 = *(u64 *)(r2 + 0)',
      'an address to load from',
    ],
    ['an endless loop', 'r0 = 0\nl:\n may_goto out\n r0 += 1\n goto l\nout:\n r0 = 0', 'a long run'],
  ])('%s', (_, body, expected) => expect(judgement(` ${body}`, 'syscall', '')).toBe(expected))

  test.each([
    ['a number given to a function', ' r1 = 5\n call f', CALLEE, 'comparable'],
    [
      'an address given to one',
      ' r1 = r10\n r1 += -8\n call f\n r0 = 0',
      CALLEE.replace('r0 = *', 'r2 = *').replace('exit', 'r0 = 0\n exit'),
      'comparable',
    ],
    ['what another function left', ' call f\n call g', REUSED, 'the result'],
  ])('%s', (_, body, more, expected) => expect(judgement(body, 'syscall', more)).toBe(expected))
})

describe('programs with packets', () => {
  const xdp = 'r2 = *(u32 *)(r1 + 0)\n r3 = *(u32 *)(r1 + 4)'
  test.each([
    ['xdp', 'a length', `${xdp}\n r0 = r3\n r0 -= r2`, 'comparable'],
    ['xdp', 'an address', `${xdp}\n r0 = r2`, 'the result'],
    ['xdp', 'a byte', `${xdp}\n r0 = 0\n r4 = r2\n r4 += 1\n if r4 > r3 goto +1\n r0 = *(u8 *)(r2 + 0)`, 'comparable'],
    ['xdp', 'a number of the context', 'r0 = *(u32 *)(r1 + 12)', 'comparable'],
    ['socket', 'the length', 'r0 = *(u32 *)(r1 + 0)', 'comparable'],
    ['socket', 'bytes', 'r6 = r1\n r0 = *(u16 *)skb[12]', 'comparable'],
    ['socket', 'its socket', 'r0 = *(u64 *)(r1 + 168)', 'the result'],
  ])('%s: %s', (type, _, body, expected) => expect(judgement(` ${body}`, type, '')).toBe(expected))
})

/** Other bytes on the stack than it has. */
function disturbed(): Hook {
  let done = false
  return (_slot, { kernel, stackTop }) => {
    if (!done) kernel.u8.fill(0xa5, stackTop - STACK_BYTES, stackTop)
    done = true
  }
}

test('what may be compared is the same on another machine, whatever was on its stack', () => {
  const seed = testSeed(23)
  const counts = { wild: 0, mutant: 0 }
  for (const candidate of candidates(seed)) {
    if (candidate.number > testCount(400, 4000)) break
    if (candidate.comparable) continue
    const posed = pose(candidate, inputsFor(candidate, seed), 1)
    if (posed === undefined || !posed.comparable || !isJudgement(posed.harena)) continue
    const again = answerOfHarena(posed.question, { seed: 99, engine: 'interpreter', hookOf: disturbed })
    if (!isJudgement(again)) throw new Error(again.message)
    expect(compare(posed.harena, again), `seed ${seed}\n${candidate.text}`).toBeUndefined()
    if (again.verdict === 'accepted') counts[candidate.kind.endsWith('wild') ? 'wild' : 'mutant'] += 1
  }
  expect(counts.wild).toBeGreaterThan(10)
  expect(counts.mutant).toBeGreaterThan(10)
})
