import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { Machine } from '../index.ts'
import { guardedRuns } from './guards.ts'

/** The runs of the only block of a program that ends in `exit`, told by slots from the first line on. */
function runsOf(lines: readonly string[]): unknown[] {
  const machine = new Machine()
  try {
    const source = `
      .map arena type=arena entries=16 flags=mmapable extra=0x100000010000
      .license "GPL"
      .program main type=syscall
        r9 = arena ll
        r6 = 0x10000 ll
        r6 = addr_space_cast(r6, 0, 1)
        r7 = 0x11000 ll
        r7 = addr_space_cast(r7, 0, 1)
        r3 = 5
        ${lines.join('\n        ')}
        r0 = 0
        exit`
    const { loadable, verified } = machine.load(assemble(source)).program('main')
    const prologue = 9
    const { insns } = loadable
    const input = {
      program: loadable,
      access: verified!.access,
      flags: verified!.flags,
      userHigh: 0,
      pageTable: 0,
      shared: true,
    }
    const block = { start: 0, last: insns.length - 1, end: insns.length, fall: -1, branch: -1 }
    return [...guardedRuns(input, block).values()].map(({ first, last, guards, covered }) => ({
      slots: [first - prologue, last - prologue],
      guards: guards.map((guard) =>
        guard.kind === 'page'
          ? `page r${guard.register}`
          : `r${guard.register} ${guard.min}..${guard.max}/${guard.bytes}`,
      ),
      covered: [...covered].map((slot) => slot - prologue),
    }))
  } finally {
    machine.close()
  }
}

describe('runs of arena accesses under one guard', () => {
  test.for<readonly [string, readonly string[], unknown[]]>([
    ['a single access has none', ['r1 = *(u64 *)(r6 + 8)'], []],
    [
      'loads through one base',
      ['r1 = *(u64 *)(r6 + 8)', 'r2 = *(u32 *)(r6 + 20)'],
      [{ slots: [0, 1], guards: ['r6 0..20/8'], covered: [0, 1] }],
    ],
    [
      'a load that is aligned to less than its base has its own test',
      ['r1 = *(u64 *)(r6 + 8)', 'r2 = *(u64 *)(r6 + 20)', 'r3 = *(u64 *)(r6 + 16)'],
      [{ slots: [0, 2], guards: ['r6 0..16/8'], covered: [0, 2] }],
    ],
    [
      'what lies below the base starts at a multiple of the widest access',
      ['r1 = *(u64 *)(r6 + 8)', 'r2 = *(u8 *)(r6 - 3)'],
      [{ slots: [0, 1], guards: ['r6 -8..8/8'], covered: [0, 1] }],
    ],
    [
      'a store takes the page byte, and the loads with it',
      ['*(u64 *)(r6 + 0) = r3', 'r1 = *(u64 *)(r6 + 3)'],
      [{ slots: [0, 1], guards: ['page r6'], covered: [0, 1] }],
    ],
    [
      'copies are the same root',
      ['*(u64 *)(r6 + 0) = r3', 'r1 = r6', '*(u64 *)(r1 + 8) = r3'],
      [{ slots: [0, 2], guards: ['page r6'], covered: [0, 2] }],
    ],
    [
      'two roots have two guards',
      ['*(u64 *)(r6 + 0) = 1', 'r1 = *(u64 *)(r7 + 8)', '*(u64 *)(r6 + 8) = 1', 'r2 = *(u64 *)(r7 + 16)'],
      [{ slots: [0, 3], guards: ['page r6', 'r7 0..16/8'], covered: [0, 2, 1, 3] }],
    ],
    [
      'loads through a base that moves by a constant',
      ['r1 = *(u64 *)(r6 + 0)', 'r6 += 16', 'r2 = *(u64 *)(r6 + 8)'],
      [{ slots: [0, 2], guards: ['r6 0..24/8'], covered: [0, 2] }],
    ],
    [
      'a store through a base that has moved starts anew',
      ['*(u64 *)(r6 + 0) = 1', '*(u64 *)(r6 + 8) = 1', 'r6 += 16', '*(u64 *)(r6 + 0) = 1', '*(u64 *)(r6 + 8) = 1'],
      [
        { slots: [0, 1], guards: ['page r6'], covered: [0, 1] },
        { slots: [3, 4], guards: ['page r6'], covered: [3, 4] },
      ],
    ],
    [
      'a store through a base that has moved there and back starts anew',
      ['r1 = *(u64 *)(r6 + 0)', 'r2 = r6', 'r2 += 8', 'r2 += -8', '*(u64 *)(r2 + 0) = 1', '*(u64 *)(r2 + 8) = 1'],
      [{ slots: [4, 5], guards: ['page r2'], covered: [4, 5] }],
    ],
    [
      'guards stand in front of the first access, where their registers are the roots',
      ['r1 = *(u8 *)(r7 + 0)', 'r2 = r6', 'r6 = r7', 'r1 = *(u64 *)(r2 + 0)', 'r3 = *(u64 *)(r2 + 8)'],
      [{ slots: [0, 4], guards: ['r6 0..8/8'], covered: [3, 4] }],
    ],
    [
      'a base that was loaded starts anew',
      ['r1 = *(u64 *)(r6 + 0)', 'r2 = *(u64 *)(r6 + 8)', 'r1 = addr_space_cast(r1, 0, 1)', 'r2 = *(u64 *)(r1 + 0)'],
      [{ slots: [0, 1], guards: ['r6 0..8/8'], covered: [0, 1] }],
    ],
    ['a call ends a run', ['*(u64 *)(r6 + 0) = 1', 'call bpf_ktime_get_ns', '*(u64 *)(r6 + 8) = 1'], []],
    [
      'a store that the page byte does not reach has its own test',
      ['*(u64 *)(r6 + 0) = 1', '*(u64 *)(r6 + 4089) = 1', '*(u64 *)(r6 + 4088) = 1'],
      [{ slots: [0, 2], guards: ['page r6'], covered: [0, 2] }],
    ],
  ])('%s', ([, lines, expected]) => {
    expect(runsOf(lines)).toEqual(expected)
  })
})

test('a base that leaves the window within a run does not come back by an offset', () => {
  const source = `
    .map arena type=arena entries=1048576 flags=mmapable extra=0x100000000000
    .license "GPL"
    .program main type=syscall
        r1 = arena ll
        r2 = 0x1000fffff000 ll
        w3 = 1
        w4 = -1
        r5 = 0
        call bpf_arena_alloc_pages
        r1 = 0xfffffff8 ll
        r1 = addr_space_cast(r1, 0, 1)
        *(u8 *)(r1 - 4072) = 9
        r1 += 2048
        r0 = *(u8 *)(r1 - 6120)
        exit`
  for (const engine of ['interpreter', 'jit'] as const) {
    const machine = new Machine({ engine })
    try {
      expect(machine.load(assemble(source)).program('main').run().r0, engine).toBe(0n)
    } finally {
      machine.close()
    }
  }
})
