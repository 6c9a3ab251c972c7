/** A machine that was tampered with is no longer in the state that the verifier walked. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import type { Hook, RunState } from '../vm/state.ts'
import { EMPTY_INPUT } from './run-input.ts'
import { type Escape, stateCheck } from './state-check.ts'

const CTX = { ...EMPTY_INPUT, ctx: new Uint8Array(64).fill(7) }

/** Runs the instructions, with `tamper` called before the instruction at `slot`; gives where the walks were left. */
function escapes(
  lines: readonly string[],
  slot: number,
  tamper: (state: RunState) => void,
  flags = '',
): readonly Escape[] {
  const before: Hook = (at, state) => {
    if (at === slot) tamper(state)
  }
  const source = [
    '.map arr type=array key=4 value=16 entries=3',
    '.map arena type=arena entries=2 extra=0x100000010000',
    `.program p type=syscall ${flags}`,
    ...lines,
    '',
  ].join('\n')
  return stateCheck(assemble(source), 'p', [CTX], { before }).escapes
}

const low =
  (reg: number, by: (value: number) => number) =>
  (state: RunState): void => {
    state.regs[2 * reg] = by(state.regs[2 * reg]!)
  }
const high =
  (reg: number, value: number) =>
  (state: RunState): void => {
    state.regs[2 * reg + 1] = value
  }
const stack =
  (below: number, value: number) =>
  (state: RunState): void => {
    state.kernel.u8[state.stackTop - below] = value
  }

interface Case {
  readonly name: string
  readonly lines: readonly string[]
  readonly slot: number
  readonly tamper: (state: RunState) => void
  readonly place: string
}

const LOOKUP = ['*(u32 *)(r10 - 4) = 1', 'r2 = r10', 'r2 += -4', 'r1 = arr ll', 'call 1', 'if r0 == 0 goto out']
const LOOKUP_END = ['r0 = *(u64 *)(r0 + 0)', 'out: r0 = 0', 'exit']

const CASES: readonly Case[] = [
  { name: 'a constant', lines: ['r0 = 5', 'exit'], slot: 1, tamper: low(0, () => 6), place: 'frame 0: R0' },
  {
    name: 'a known bit',
    lines: ['r0 = *(u64 *)(r1 + 0)', 'r0 &= 6', 'exit'],
    slot: 2,
    tamper: low(0, (value) => value | 1),
    place: 'frame 0: R0',
  },
  {
    name: 'an unsigned bound',
    lines: ['r0 = *(u64 *)(r1 + 0)', 'if r0 < 1000 goto out', 'r0 = 1', 'out: exit'],
    slot: 3,
    tamper: (state) => {
      state.regs[0] = 1000
      state.regs[1] = 0
    },
    place: 'frame 0: R0',
  },
  {
    name: 'the upper half of a 32-bit result',
    lines: ['r0 = *(u64 *)(r1 + 0)', 'w0 += 1', 'exit'],
    slot: 2,
    tamper: high(0, 1),
    place: 'frame 0: R0',
  },
  {
    name: 'a copy',
    lines: ['r0 = *(u64 *)(r1 + 0)', 'r2 = r0', 'r0 += r2', 'exit'],
    slot: 2,
    tamper: low(2, (value) => value + 1),
    place: 'frame 0: R2',
  },
  {
    name: 'a copy with something added',
    lines: ['r0 = *(u64 *)(r1 + 0)', 'r2 = r0', 'r2 += 5', 'r0 += r2', 'exit'],
    slot: 3,
    tamper: low(0, (value) => value + 1),
    place: 'frame 0: R2',
  },
  {
    name: 'a saved scalar',
    lines: ['r2 = *(u8 *)(r1 + 0)', '*(u64 *)(r10 - 8) = r2', 'r0 = *(u64 *)(r10 - 8)', 'exit'],
    slot: 2,
    tamper: stack(7, 1),
    place: 'frame 0: fp-8',
  },
  {
    name: 'a scalar saved in 32 bits',
    lines: ['*(u32 *)(r10 - 8) = 5', 'r0 = *(u32 *)(r10 - 8)', 'exit'],
    slot: 1,
    tamper: stack(5, 1),
    place: 'frame 0: fp-8',
  },
  {
    name: 'a byte of zero',
    lines: ['*(u8 *)(r10 - 3) = 0', 'r0 = *(u8 *)(r10 - 3)', 'exit'],
    slot: 1,
    tamper: stack(3, 1),
    place: 'frame 0: fp-3',
  },
  {
    name: 'the context',
    lines: ['r2 = r1', 'r0 = *(u64 *)(r2 + 0)', 'exit'],
    slot: 1,
    tamper: low(2, (value) => value + 8),
    place: 'frame 0: R2',
  },
  {
    name: 'a stack pointer',
    lines: ['*(u64 *)(r10 - 8) = 1', 'r2 = r10', 'r2 += -8', 'r0 = *(u64 *)(r2 + 0)', 'exit'],
    slot: 3,
    tamper: low(2, (value) => value - 8),
    place: 'frame 0: R2',
  },
  {
    name: 'a map value',
    lines: [...LOOKUP, ...LOOKUP_END],
    slot: 7,
    tamper: low(0, (value) => value + 8),
    place: 'frame 0: R0',
  },
  {
    name: 'a map value beyond the last one',
    lines: [...LOOKUP, ...LOOKUP_END],
    slot: 7,
    tamper: low(0, (value) => value + 32),
    place: 'frame 0: R0',
  },
  {
    name: 'a map',
    lines: LOOKUP.slice(0, 5).concat('r0 = 0', 'exit', 'out: exit').toSpliced(7, 1),
    slot: 5,
    tamper: low(1, (value) => value + 4096),
    place: 'frame 0: R1',
  },
  {
    name: 'an arena pointer',
    lines: [
      'r1 = 0x100000010000 ll',
      'r1 = addr_space_cast(r1, 0, 1)',
      'r2 = arena ll',
      'r0 = *(u64 *)(r1 + 0)',
      'exit',
    ],
    slot: 5,
    tamper: high(1, 0x1000),
    place: 'frame 0: R1',
  },
  {
    name: "a caller's register",
    lines: ['r6 = 3', 'call f', 'r0 = r6', 'exit', '.func f', 'r0 = 1', 'exit'],
    slot: 5,
    tamper: (state) => {
      state.saved[2] = 4
    },
    place: 'frame 0: R6',
  },
  {
    name: "a caller's stack",
    lines: ['*(u64 *)(r10 - 8) = 3', 'call f', 'r0 = *(u64 *)(r10 - 8)', 'exit', '.func f', 'r0 = 1', 'exit'],
    slot: 5,
    tamper: stack(8, 4),
    place: 'frame 0: fp-8',
  },
]

describe('embedding', () => {
  test.each(CASES)('$name', ({ lines, slot, tamper, place }) => {
    expect(escapes(lines, slot, () => undefined)).toEqual([])
    const found = escapes(lines, slot, tamper)
    expect(found.map((one) => ({ slot: one.slot, place: one.place }))).toContainEqual({ slot, place })
  })

  test('another element of the same map is as good', () => {
    const move = low(0, (value) => value + 16)
    expect(escapes([...LOOKUP, ...LOOKUP_END], 7, move)).toEqual([])
  })

  test('a dead register may be anything', () => {
    expect(
      escapes(
        ['r2 = 1', 'r0 = 0', 'exit'],
        1,
        low(2, () => 9),
      ),
    ).toEqual([])
  })

  test('an instruction that was never walked', () => {
    const found = escapes(
      ['r0 = 5', 'if r0 == 5 goto out', 'r0 = 1', 'out: exit'],
      1,
      low(0, () => 6),
    )
    expect(found[0]?.slot).toBe(1)
    expect(found[0]?.nearest).toContain('R0=5')
  })
})

/**
 * The path on which r6 is 2 is walked first; the other one is cut short at `join`, where r6 is not precise.
 * Instructions: 0 r0, 1 r6, 2 r7, 3 branch, 4 r6, 5 join, 6 r0, 7 exit.
 */
const CUT = [
  'r0 = *(u64 *)(r1 + 0)',
  'r6 = 1',
  'r7 = r10',
  'if r0 != 0 goto join',
  'r6 = 2',
  'join: r0 = r6',
  'r7 += -8',
  'r0 += 1',
  'exit',
]

describe('where a path was cut short', () => {
  const pruned = (slot: number, tamper: (state: RunState) => void): readonly number[] =>
    escapes(CUT, slot, tamper, 'test_state_freq').flatMap((found) => (found.pruning ? [found.slot] : []))

  test('the run may go on with scalars that the older path did not need', () => {
    expect(pruned(0, () => undefined)).toEqual([])
    // Any other number does as well: to pruning, not to the walk without.
    expect(
      pruned(
        5,
        low(6, () => 77),
      ),
    ).toEqual([])
    expect(
      escapes(
        CUT,
        5,
        low(6, () => 77),
        'test_state_freq',
      ).map(({ pruning }) => pruning),
    ).toEqual([false])
  })

  test('but not with other pointers', () => {
    expect(
      pruned(
        5,
        low(7, (value) => value + 8),
      ),
    ).toEqual([5])
  })

  test('nor before it was cut', () => {
    expect(
      pruned(
        2,
        low(6, () => 77),
      ),
    ).toEqual([2])
  })
})

describe('holes of Linux', () => {
  const watched = (lines: readonly string[], ctx: Uint8Array): { holes: number; places: string[] } => {
    const text = ['.map arena type=arena entries=2 extra=0x100000010000', '.program p type=syscall', ...lines, ''].join(
      '\n',
    )
    const { holes, escapes: found } = stateCheck(assemble(text), 'p', [{ ...EMPTY_INPUT, ctx }])
    return { holes, places: found.map(({ place }) => place) }
  }
  const ATOMIC = [
    'r3 = *(u64 *)(r1 + 0)',
    'r2 = arena ll',
    'r2 = 0x100000010000 ll',
    'r2 = addr_space_cast(r2, 0, 1)',
    'w3 = xchg32_32(r2 + 0, w3)',
    'r0 = r3',
    'exit',
  ]
  const FILL = [
    'r2 = *(u32 *)(r1 + 0)',
    '*(u64 *)(r10 - 8) = r2',
    'r0 = *(s32 *)(r10 - 8)',
    'if r0 s> 5 goto out',
    'r0 = *(u64 *)(r10 - 8)',
    'out: exit',
  ]
  const EXCHANGE = [
    'r6 = *(u64 *)(r1 + 0)',
    'r1 = arena ll',
    'r2 = 0',
    'w3 = 1',
    'w4 = -1',
    'r5 = 0',
    'call bpf_arena_alloc_pages',
    'r1 = addr_space_cast(r0, 0, 1)',
    '*(u64 *)(r1 + 0) = 17',
    'r2 = 5',
    'r0 = r6',
    'w0 = cmpxchg32_32(r1 + 0, w0, w2)',
    'r0 >>= 32',
    'exit',
  ]
  /** Numbers of which the highest bit is set come to the arithmetic as numbers, others as arena pointers. */
  const narrow = (...arithmetic: readonly string[]): readonly string[] => [
    'r3 = *(u64 *)(r1 + 0)',
    'r2 = arena ll',
    'r0 = r3',
    'if r3 s< 0 goto both',
    'r0 = addr_space_cast(r3, 0, 1)',
    `both: ${arithmetic[0]}`,
    ...arithmetic.slice(1),
    'r0 >>= 1',
    'exit',
  ]

  test.each([
    { name: 'a narrow atomic at an absent page, register wide', lines: ATOMIC, byte: 0xff, holes: 1 },
    { name: 'the same, register narrow', lines: ATOMIC, byte: 0, holes: 0 },
    { name: 'a sign-extending fill of what is negative', lines: FILL, byte: 0xff, holes: 1 },
    { name: 'the same of what is not', lines: FILL, byte: 0x11, holes: 0 },
    { name: 'a narrow exchange that fails', lines: EXCHANGE, byte: 0xff, holes: 0 },
    { name: 'arithmetic in 32 bits for another path', lines: narrow('r0 += r3'), byte: 0x81, holes: 1 },
    { name: 'the same on that path', lines: narrow('r0 += r3'), byte: 0x11, holes: 0 },
    { name: 'the same of what gives 32 bits', lines: narrow('r0 -= r3'), byte: 0x81, holes: 0 },
  ])('$name', ({ lines, byte, holes }) => {
    expect(watched(lines, new Uint8Array(8).fill(byte))).toEqual({ holes, places: [] })
  })

  test('a narrow exchange that succeeds', () => {
    const ctx = Uint8Array.of(17, 0, 0, 0, 1, 0, 0, 0)
    expect(watched(EXCHANGE, ctx)).toEqual({ holes: 1, places: [] })
    expect(watched(EXCHANGE, ctx.fill(0, 4))).toEqual({ holes: 0, places: [] })
  })

  /** Results of 32 bits that are not those of 64 are a hole. Negation is never made narrow. */
  test.each([
    ['r0 += r3', 1],
    ['r0 += -5', 1],
    ['r0 -= r3', 0],
    ['r0 *= r3', 1],
    ['r0 /= r3', 0],
    ['r0 /= 3', 1],
    ['r0 s/= r3', 0],
    ['r0 s/= 3', 1],
    ['r0 %= r3', 0],
    ['r0 s%= -7', 1],
    ['r0 |= r3', 1],
    ['r0 &= 255', 0],
    ['r0 &= r3', 1],
    ['r0 ^= r3', 0],
    ['r0 ^= -1', 1],
    ['r0 <<= 4', 1],
    ['r0 >>= 4', 1],
    ['r0 s>>= 4', 1],
    ['r0 = -r0', 0],
  ])('%s in 32 bits for another path', (line, holes) => {
    const ctx = Uint8Array.of(0x78, 0x56, 0x34, 0x92, 0xf1, 0xde, 0xbc, 0x9a)
    expect(watched(narrow(line), ctx)).toEqual({ holes, places: [] })
  })
})
