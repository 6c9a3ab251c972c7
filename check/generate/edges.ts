/**
 * Programs that go where the fast paths of arena access end: the ends of pages and of the window, pages without a
 * neighbour, addresses that are not aligned, offsets that lead from one to the other. Every value that comes back goes
 * into a sum, which is what the program gives; every store is seen in the arena.
 */
import fc from 'fast-check'

/** 2^20 pages: the window is all 4 GiB. */
const WINDOW_PAGES = 2 ** 20
const PAGE = 4096

/** Pages around which addresses lie; each may be there or not. */
const PAGES = [0, 1, 2, 3, 5, 0x7fffe, 0x7ffff, 0x80000, 0x80001, 0xffffd, 0xffffe, 0xfffff] as const

/** Registers that hold pointers; r5 holds the sum. */
const POINTERS = [1, 6, 7, 8, 9] as const

const pointer = fc.constantFrom(...POINTERS)
const bytes = fc.constantFrom(1, 2, 4, 8)

/** Distances from a page's end at which something changes, and some others. */
const distance: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) },
  { weight: 2, arbitrary: fc.integer({ min: -4, max: 4 }).map((by) => by * 8) },
  { weight: 1, arbitrary: fc.integer({ min: -PAGE, max: PAGE }) },
)

const address: fc.Arbitrary<number> = fc
  .tuple(fc.constantFrom(...PAGES), fc.constantFrom(0, PAGE), distance)
  .map(([page, end, by]) => (page * PAGE + end + by) >>> 0)

/** Offsets: none or small mostly; some as far as one page reaches, some as far as offsets go. */
const offset: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 8, 16, 24, -8) },
  { weight: 4, arbitrary: fc.integer({ min: -17, max: 17 }) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(-PAGE, PAGE), fc.integer({ min: -9, max: 9 })).map(([a, b]) => a + b) },
  { weight: 1, arbitrary: fc.constantFrom(-32_768, -32_761, 32_760, 32_767) },
)

/** Those that Linux lets into an arena: fetching and, or and xor it does not. */
const ATOMICS = [
  ['lock *(u64 *)(P) += r2', 'none'],
  ['lock *(u32 *)(P) += w2', 'none'],
  ['lock *(u64 *)(P) |= r2', 'none'],
  ['lock *(u32 *)(P) &= w2', 'none'],
  ['lock *(u64 *)(P) ^= r2', 'none'],
  ['r2 = atomic_fetch_add((u64 *)(P), r2)', 'r2'],
  ['r2 = xchg_64(P, r2)', 'r2'],
  ['w2 = xchg32_32(P, w2)', 'r2'],
  ['r0 = cmpxchg_64(P, r0, r2)', 'r0'],
  ['w0 = cmpxchg32_32(P, w0, w2)', 'r0'],
  ['r2 = load_acquire((u64 *)(P))', 'r2'],
  ['w2 = load_acquire((u32 *)(P))', 'r2'],
  ['store_release((u64 *)(P), r2)', 'none'],
  ['store_release((u16 *)(P), w2)', 'none'],
] as const

type Step =
  | { readonly kind: 'point'; readonly to: number; readonly at: number }
  | { readonly kind: 'copy'; readonly to: number; readonly from: number }
  | { readonly kind: 'move'; readonly to: number; readonly by: number }
  | { readonly kind: 'load'; readonly from: number; readonly off: number; readonly bytes: number; readonly signed: boolean }
  /** A load whose value is the next pointer. */
  | { readonly kind: 'follow'; readonly to: number; readonly from: number; readonly off: number }
  | { readonly kind: 'store'; readonly to: number; readonly off: number; readonly bytes: number; readonly value?: number }
  | { readonly kind: 'atomic'; readonly to: number; readonly off: number; readonly which: number }
  | { readonly kind: 'if'; readonly bit: number; readonly steps: readonly Step[] }
  | { readonly kind: 'loop'; readonly rounds: number; readonly steps: readonly Step[] }

const simple: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('point' as const), to: pointer, at: address }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('copy' as const), to: pointer, from: pointer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), to: pointer, by: offset }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('load' as const), from: pointer, off: offset, bytes, signed: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('follow' as const), to: pointer, from: pointer, off: offset }) },
  {
    weight: 5,
    arbitrary: fc.record(
      { kind: fc.constant('store' as const), to: pointer, off: offset, bytes, value: fc.integer({ min: -128, max: 127 }) },
      { requiredKeys: ['kind', 'to', 'off', 'bytes'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('atomic' as const),
      to: pointer,
      off: offset,
      which: fc.nat(ATOMICS.length - 1),
    }),
  },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('if' as const),
      bit: fc.nat(7),
      steps: fc.array(simple, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('loop' as const),
      rounds: fc.integer({ min: 2, max: 4 }),
      steps: fc.array(simple, { minLength: 1, maxLength: 6 }),
    }),
  },
)

/** Texts of programs. */
export const edgePrograms: fc.Arbitrary<string> = fc
  .record({
    present: fc.subarray([...PAGES], { minLength: 1 }),
    starts: fc.tuple(address, address, address, address, address),
    steps: fc.array(step, { minLength: 3, maxLength: 20 }),
  })
  .map(({ present, starts, steps }) => writeEdgeProgram(present, starts, steps))

function writeEdgeProgram(present: readonly number[], starts: readonly number[], steps: readonly Step[]): string {
  const lines: string[] = []
  for (const page of present) lines.push(...allocate(page))
  lines.push('r5 = 1', 'r0 = 3', 'r2 = 5')
  starts.forEach((at, n) => {
    lines.push(...point(POINTERS[n]!, at))
  })
  const labels = { next: 0 }
  for (const each of steps) lines.push(...write(each, labels))
  lines.push('r0 = sum ll', '*(u64 *)(r0 + 0) = r5', 'r0 = r5', 'exit')
  return [
    `.map arena type=arena entries=${WINDOW_PAGES} flags=mmapable extra=0x100000000000`,
    '.global sum: u64',
    '.license "GPL"',
    '.program main type=syscall',
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n')
}

function allocate(page: number): string[] {
  const at = `0x${(0x1000_0000_0000n + BigInt(page * PAGE)).toString(16)}`
  return ['r1 = arena ll', `r2 = ${at} ll`, 'w3 = 1', 'w4 = -1', 'r5 = 0', 'call bpf_arena_alloc_pages']
}

function point(to: number, at: number): string[] {
  return [`r${to} = 0x${at.toString(16)} ll`, `r${to} = addr_space_cast(r${to}, 0, 1)`]
}

const place = (register: number, off: number): string => `r${register} ${off < 0 ? '-' : '+'} ${Math.abs(off)}`

/** What has come back goes into the sum. */
const add = (register: string): string[] => ['r5 *= 31', `r5 += ${register}`]

function write(given: Step, labels: { next: number }): string[] {
  switch (given.kind) {
    case 'point':
      return point(given.to, given.at)
    case 'copy':
      return [`r${given.to} = r${given.from}`]
    case 'move':
      return [`r${given.to} += ${given.by}`]
    case 'load': {
      const type = `${given.signed && given.bytes < 8 ? 's' : 'u'}${8 * given.bytes}`
      return [`r2 = *(${type} *)(${place(given.from, given.off)})`, ...add('r2')]
    }
    case 'follow':
      return [
        `r2 = *(u64 *)(${place(given.from, given.off)})`,
        ...add('r2'),
        `r${given.to} = addr_space_cast(r2, 0, 1)`,
      ]
    case 'store': {
      const value = given.value ?? 'r5'
      const narrow = given.value === undefined && given.bytes < 8 ? 'w5' : value
      return [`*(u${8 * given.bytes} *)(${place(given.to, given.off)}) = ${narrow}`]
    }
    case 'atomic': {
      const [text, result] = ATOMICS[given.which]!
      const line = text.replace(/\(P/u, `(${place(given.to, given.off)}`)
      return ['r2 = r5', line, ...(result === 'none' ? [] : add(result))]
    }
    case 'if': {
      const label = labels.next++
      const body = given.steps.flatMap((each) => write(each, labels))
      return [`if w5 & ${1 << given.bit} goto skip${label}`, ...body, `skip${label}:`]
    }
    case 'loop': {
      const label = labels.next++
      const body = given.steps.flatMap((each) => write(each, labels))
      return [
        `*(u64 *)(r10 - 8) = ${given.rounds}`,
        `again${label}:`,
        ...body,
        'r3 = *(u64 *)(r10 - 8)',
        'r3 += -1',
        '*(u64 *)(r10 - 8) = r3',
        `if r3 != 0 goto again${label}`,
      ]
    }
    default:
      throw new Error(`a step of kind ${(given satisfies never as Step).kind}`)
  }
}
