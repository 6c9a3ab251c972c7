import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { type EngineName, Machine } from '../index.ts'
import { basicBlocks } from '../isa/blocks.ts'
import { buildCfg } from '../isa/cfg.ts'
import { PIECE_SIZES } from './chunks.ts'
import { planFunction } from './plan.ts'

const PROLOGUE = `
  .map arena type=arena entries=1048576 flags=mmapable extra=0x100000000000
  .license "GPL"
  .program main type=syscall
    r9 = *(u64 *)(r1 + 8)
    r6 = *(u64 *)(r1 + 0)
    r8 = arena ll
    r6 = addr_space_cast(r6, 0, 1)
    r7 = r6
    r0 = 0`

/** The tests of the loops of a program, told by register and range, and how many loads each answers for. */
function testsOf(body: string): unknown[] {
  const machine = new Machine()
  try {
    const { loadable, verified } = machine.load(assemble(`${PROLOGUE}\n${body}`)).program('main')
    const { insns } = loadable
    const { access, flags } = verified!
    const input = { program: loadable, access, flags, userHigh: 0, pageTable: 0, shared: true, pieces: PIECE_SIZES }
    const { code } = planFunction(input, basicBlocks(buildCfg(insns), [0]), 0, new Uint16Array(insns.length))
    return code.flatMap((node) => {
      if (node.kind !== 'test') return []
      const copy = code[node.next[0]!]!
      const { register, min, max, bytes } = node.guard
      return [[`r${register} ${min}..${max}/${bytes}`, copy.kind === 'block' ? copy.covered?.size : 'no block']]
    })
  } finally {
    machine.close()
  }
}

/** A round that goes on where a byte is 0. */
const byte = (off: number, base = 'r6'): string => `r1 = *(u8 *)(${base} + ${off})\n if r1 != 0 goto out`
const bytes = (from: number, to: number, base?: string): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => byte(from + at, base))
const loop = (...lines: readonly string[]): string =>
  `next: may_goto out\n${lines.join('\n')}\n r9 += -1\n if r9 != 0 goto next\nout: exit`

describe('loops that are written twice', () => {
  test.for<readonly [string, string, unknown[]]>([
    ['loads between which the program decides', loop(...bytes(0, 6)), [['r6 0..6/1', 7]]],
    ['too few of them', loop(...bytes(0, 5)), []],
    [
      'a base that moves by a constant, and copies',
      loop(byte(1), 'r6 += 8', byte(1), 'r2 = r6', byte(2, 'r2'), byte(3, 'r2'), byte(4, 'r2'), byte(-12, 'r2')),
      [['r6 -4..12/1', 6]],
    ],
    [
      'loads that are not aligned by their offset have tests of their own',
      loop(...bytes(1, 3), 'r1 = *(u64 *)(r6 + 12)', 'if r1 != 0 goto out', ...bytes(4, 6)),
      [['r6 0..6/1', 6]],
    ],
    [
      'a base that depends on the way is none',
      loop(...bytes(1, 6), 'if r9 != 5 goto 1f', 'r6 += 8', '1:', ...bytes(7, 9)),
      [['r6 0..6/1', 6]],
    ],
    [
      'the same on both ways is one',
      loop(...bytes(1, 3), 'if r9 != 5 goto 1f', 'r6 += 8', 'goto 2f', '1: r6 += 8', '2:', ...bytes(3, 5)),
      [['r6 0..13/1', 6]],
    ],
    [
      'the root with the most tests',
      loop(byte(1, 'r7'), ...bytes(1, 6), ...bytes(2, 6, 'r7'), byte(7)),
      [['r6 0..7/1', 7]],
    ],
    ['what is loaded is no base', loop('r6 = *(u64 *)(r6 + 0)', 'r6 = addr_space_cast(r6, 0, 1)', ...bytes(1, 8)), []],
    [
      'stores do not count',
      loop(...[1, 2, 3, 4, 5, 6, 7].map((off) => `*(u8 *)(r6 + ${off}) = 1\n if r9 == ${off} goto out`)),
      [],
    ],
    [
      'calls do not matter to bases that live through them',
      loop(...bytes(1, 3), 'call bpf_ktime_get_ns', ...bytes(4, 6)),
      [['r6 0..6/1', 6]],
    ],
  ])('%s', ([, body, expected]) => {
    expect(testsOf(body)).toEqual(expected)
  })

  test('a loop that holds another one stays as it is, the other does not', () => {
    const inner = `r8 = 4\nin: may_goto out\n${bytes(1, 6).join('\n')}\n r8 += -1\n if r8 != 0 goto in`
    expect(testsOf(loop(...bytes(1, 8), inner))).toEqual([['r6 0..6/1', 6]])
  })
})

const SIZE = 2 ** 32
const PAGE = 4096

/** What a program gives for each place that it starts at, with pages at both ends of the window. */
function results(source: string, engine: EngineName, starts: readonly number[]): unknown[] {
  const machine = new Machine({ engine, seed: 3 })
  try {
    const object = machine.load(assemble(source))
    const arena = object.map('arena').mmap()
    for (const page of [0, SIZE - PAGE]) {
      const at = 0x1000_0000_0000n + BigInt(page)
      // A view has no faults.
      arena.setU8(at, 0)
      const bytes = arena.view(at, PAGE)
      bytes.forEach((_, place) => {
        // Words that lead to the end of the window, and some zeros.
        bytes[place] = place % 64 < 8 ? 0xff : (place * 31 + (place >> 5)) % 11 === 0 ? 0 : place
      })
    }
    return starts.map((start) => {
      const ctx = new Uint8Array(BigUint64Array.of(BigInt(start >>> 0), 3n).buffer)
      const { r0, registers } = object.program('main').run({ ctx }) as { r0: bigint; registers?: unknown }
      return [r0, registers]
    })
  } finally {
    machine.close()
  }
}

const WIDTHS = ['u8', 'u8', 's8', 'u16', 's16', 'u32', 's32', 'u64'] as const

const LOADED = 'r7 = *(u64 *)(r6 + 8)\n r7 = addr_space_cast(r7, 0, 1)'

const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...WIDTHS),
        fc.integer({ min: -24, max: 40 }),
        fc.constantFrom('r6', 'r6', 'r7'),
        fc.nat(3),
      )
      .map(([width, off, base, way]) => {
        const bytes = Number(width.slice(1)) / 8
        const aligned = way === 0 ? off : Math.floor(off / bytes) * bytes
        const leave = ['if r1 == 0 goto out', 'if r1 == 5 goto 1f', 'if r1 s< -100 goto 1f', ''][way]!
        return `r1 = *(${width} *)(${base} + ${aligned})\n r0 *= 31\n r0 += r1\n ${leave}\n r0 ^= ${off}\n1:`
      }),
  },
  { weight: 1, arbitrary: fc.integer({ min: -16, max: 16 }).map((by) => `r6 += ${by}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('r7 = r6', 'r7 += 4', '*(u8 *)(r6 + 3) = 7', 'call bpf_ktime_get_ns\n r0 = 1', LOADED),
  },
)

test('at the ends of the window and elsewhere both engines give the same', () => {
  // Enough for the loop to be written twice, whatever follows.
  const enough = [1, 2, 3, 4, 5, 6].map((off) => `r1 = *(u8 *)(r6 + ${off})\n r0 += r1\n if r1 == 77 goto out`)
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: -40, max: 40 }),
      fc.array(fc.integer({ min: -90, max: 90 }), { minLength: 4, maxLength: 4 }),
      (lines, step, near) => {
        const body = loop(...enough, ...lines, `r6 += ${step}`)
        expect(testsOf(body)).toHaveLength(1)
        const starts = [...near, 2048, PAGE - 8, SIZE / 2]
        const source = `${PROLOGUE}\n${body}`
        expect(results(source, 'jit', starts)).toEqual(results(source, 'interpreter', starts))
      },
    ),
    { numRuns: process.env.HARENA_LONG === undefined ? 60 : 3000 },
  )
})
