import { describe, expect, test } from 'vitest'
import { otherVerdicts } from '../check/differential/as-linux.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { Access, SlotFlag } from '../program/loadable.ts'
import { judge, loadable, sourcesSeen } from './testing.ts'
import { verify } from './verify.ts'

const ARENA = '.map arena type=arena entries=10 extra=0x100000010000\n'

function main(body: string): string {
  return `.program p type=syscall\n${body}\n  exit\n`
}

describe('which memory an access goes to', () => {
  test('by slot', () => {
    const program = verify(
      loadable(
        ARENA +
          main(`  r6 = arena ll
  r2 = *(u64 *)(r1 + 16)
  *(u64 *)(r10 - 8) = r2
  r2 = addr_space_cast(r2, 0, 1)
  r0 = *(u32 *)(r2 + 0)
  lock *(u64 *)(r2 + 8) += r0
  r0 = 0`),
      ),
    )
    const { NONE, KERNEL, ARENA: arena } = Access
    expect([...program.access]).toEqual([NONE, NONE, KERNEL, KERNEL, NONE, arena, arena, NONE, NONE])
    expect(program.arena?.name).toBe('arena')
    expect(program.maxContext).toBe(24)
  })

  test('a sum with an arena pointer is computed in 32 bits, on every path', () => {
    const program = verify(
      loadable(
        ARENA +
          main(`  r6 = arena ll
  r2 = *(u64 *)(r1 + 0)
  r3 = 7
  if r2 == 0 goto l
  r2 = addr_space_cast(r2, 0, 1)
l:
  r3 += r2
  w3 += 1
  r0 = 0`),
      ),
    )
    const narrow = [...program.flags].flatMap((flags, slot) => ((flags & SlotFlag.NARROW) === 0 ? [] : [slot]))
    expect(narrow).toEqual([6])
  })
})

describe('what was reached', () => {
  test('decided branches leave the other side unseen', () => {
    const program = verify(loadable(main('  r0 = 0\n  if r0 == 0 goto l\n  r0 = 1\nl:\n  r1 = 2 ll')))
    expect([...program.flags].map((flags) => flags & SlotFlag.SEEN)).toEqual([1, 1, 0, 1, 1, 1])
  })

  test('a function never called does not count in the stack depth', () => {
    const program = verify(
      loadable(
        `${main('  r0 = 0\n  if r0 == 0 goto l\n  call f\nl:')}.func f\n  *(u64 *)(r10 - 64) = 1\n  r0 = 0\n  exit\n`,
      ),
    )
    expect(program.stats.stackDepth).toBe('0')
    expect(program.subprograms.map(({ name, start, end }) => [name, start, end])).toEqual([
      ['p', 0, 4],
      ['f', 4, 7],
    ])
  })

  test('32-bit cmpxchg must zero-extend', () => {
    const program = verify(
      loadable(main('  *(u64 *)(r10 - 8) = 1\n  r0 = 1\n  r2 = 2\n  w0 = cmpxchg32_32(r10 - 8, w0, w2)\n  r0 = 0')),
    )
    expect(program.flags[3]).toBe(SlotFlag.SEEN | SlotFlag.ZERO_EXTEND)
  })
})

describe('stack of call chains', () => {
  const callee = (depth: number): string => `.func f\n  *(u64 *)(r10 - ${depth}) = 1\n  r0 = 0\n  exit\n`
  const caller = (depth: number): string => main(`  *(u64 *)(r10 - ${depth}) = 1\n  call f`)

  test.each([
    [496, 16, true],
    [496, 8, true],
    [504, 8, false],
    [400, 200, false],
  ])('%i + %i', (a, b, fits) => {
    expect(judge(loadable(caller(a) + callee(b))).accepted).toBe(fits)
  })

  test('many chains that fit are not gone through one by one', () => {
    const calls = (name: string): string => `  call ${name}\n`.repeat(12)
    const functions = [1, 2, 3, 4, 5, 6].map((n) => `.func f${n}\n${calls(`f${n + 1}`)}  r0 = 0\n  exit\n`)
    const dead = main(`  r0 = 0\n  if r0 == 0 goto out\n${calls('f1')}out:`)
    expect(judge(loadable(`${dead}${functions.join('')}.func f7\n  r0 = 0\n  exit\n`)).accepted).toBe(true)
  })

  test('a chain of nine functions in dead code is still too deep', () => {
    const functions = [1, 2, 3, 4, 5, 6, 7].map((n) => `.func f${n}\n  call f${n + 1}\n  exit\n`)
    const dead = main('  r0 = 0\n  if r0 == 0 goto out\n  call f1\nout:')
    const found = judge(loadable(`${dead}${functions.join('')}.func f8\n  r0 = 0\n  exit\n`))
    expect(found.accepted).toBe(false)
    if (!found.accepted) expect(found.error.reason).toBe('the call stack of 8 frames is too deep !')
  })

  test('recursion in dead code', () => {
    const source = `${main('  r0 = 0\n  if r0 == 0 goto out\n  call f\nout:')}.func f\n  call f\n  exit\n`
    const found = judge(loadable(source))
    expect(found.accepted).toBe(false)
    if (!found.accepted) expect(found.error.errno).toBe('E2BIG')
  })

  test('may_goto takes 16 bytes once, and is not checked', () => {
    const body = '  *(u64 *)(r10 - 512) = 1\n  r0 = 0\na:\n  may_goto b\n  goto a\nb:\n  may_goto c\n  goto b\nc:'
    expect(verify(loadable(main(body))).stats.stackDepth).toBe('528')
  })

  test('one that goes nowhere is removed and takes none', () => {
    expect(verify(loadable(main('  r0 = 0\n  may_goto +0'))).stats.stackDepth).toBe('0')
  })
})

test('the running kernel says the same of every program above', { timeout: 60_000 }, async (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const sources = sourcesSeen()
  expect(sources.length).toBeGreaterThan(10)
  expect(await otherVerdicts(sources)).toEqual([])
})
