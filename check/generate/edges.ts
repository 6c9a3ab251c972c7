/**
 * Programs that go where the fast paths of compiled code end: the ends of pages and of the window, pages without a
 * neighbour, pages that come and go between accesses, addresses that are not aligned, offsets that lead from one to the
 * other; stack places of all sizes that may be kept in locals, and pointers to them that keep that from being done;
 * flow that no structure fits. Every value that comes back goes into a sum, which is what the program gives; every store
 * to the arena is seen there. What the steps become is in write-edges.ts.
 */
import fc from 'fast-check'

export const PAGE = 4096

/** The arena of a program: `pages` of them from page `first` of the window on. */
export interface EdgeArena {
  readonly first: number
  readonly pages: number
  /** BPF_F_NO_USER_CONV: what is cast to a user address stays as it is. */
  readonly plain: boolean
}

/** Pages around which a program's addresses lie, where the arena is the whole window; each may be there or not. */
const PAGES: readonly (readonly number[])[] = [
  [0, 0xfffff],
  [0, 1, 2, 0xffffd, 0xffffe, 0xfffff],
  [0, 1, 2, 3, 4],
  [2, 3, 4, 5],
  [0x7fffd, 0x7fffe, 0x7ffff, 0x80000, 0x80001],
  [0xffffb, 0xffffc, 0xffffd, 0xffffe, 0xfffff],
  [0, 1, 2, 3, 5, 0x7fffe, 0x7ffff, 0x80000, 0x80001, 0xffffd, 0xffffe, 0xfffff],
]

/** First pages of smaller arenas: at the window's ends, and at its middle, where low halves turn negative. */
const SMALL_AT = [0, 0x7fffd, 0xffffb] as const
const SMALL_PAGES = 5
const WINDOW_PAGES = 2 ** 20

/** Registers that hold pointers; r5 holds the sum. */
export const POINTERS = [1, 6, 7, 8, 9] as const

/** Bytes of stack cut into places, by eight; each is written in its own width at the start. */
const SPLITS: readonly (readonly number[])[] = [
  [8],
  [8],
  [4, 4],
  [4, 2, 2],
  [2, 2, 4],
  [1, 1, 2, 4],
  [4, 2, 1, 1],
  [1, 1, 1, 1, 1, 1, 1, 1],
]
const WORDS = 8

/** Distance from the lowest byte of the places. */
export interface FramePlace {
  readonly offset: number
  readonly bytes: number
}

/** Those that Linux lets into an arena: fetching and, or and xor it does not. */
export const ATOMICS = [
  ['lock *(u64 *)(P) += r2', 'none'],
  ['lock *(u32 *)(P) += w2', 'none'],
  ['lock *(u64 *)(P) |= r2', 'none'],
  ['lock *(u32 *)(P) &= w2', 'none'],
  ['lock *(u64 *)(P) ^= r2', 'none'],
  ['r2 = atomic_fetch_add((u64 *)(P), r2)', 'r2'],
  ['w2 = atomic_fetch_add((u32 *)(P), w2)', 'r2'],
  ['r2 = xchg_64(P, r2)', 'r2'],
  ['w2 = xchg32_32(P, w2)', 'r2'],
  ['r0 = cmpxchg_64(P, r0, r2)', 'r0'],
  ['w0 = cmpxchg32_32(P, w0, w2)', 'r0'],
  ['r2 = load_acquire((u64 *)(P))', 'r2'],
  ['w2 = load_acquire((u32 *)(P))', 'r2'],
  ['w2 = load_acquire((u8 *)(P))', 'r2'],
  ['store_release((u64 *)(P), r2)', 'none'],
  ['store_release((u16 *)(P), w2)', 'none'],
] as const

export type EdgeStep =
  | { readonly kind: 'point'; readonly to: number; readonly at: number }
  | { readonly kind: 'copy'; readonly to: number; readonly from: number }
  | { readonly kind: 'move'; readonly to: number; readonly by: number }
  /** By a number that nobody knows before: some bits of the sum. */
  | { readonly kind: 'shift'; readonly to: number; readonly mask: number }
  | {
      readonly kind: 'load'
      readonly from: number
      readonly off: number
      readonly bytes: number
      readonly signed: boolean
    }
  /** A load whose value is the next pointer. */
  | { readonly kind: 'follow'; readonly to: number; readonly from: number; readonly off: number }
  | {
      readonly kind: 'store'
      readonly to: number
      readonly off: number
      readonly bytes: number
      readonly value?: number
    }
  /** Stores a pointer, as a user address or as it is. */
  | { readonly kind: 'link'; readonly to: number; readonly off: number; readonly from: number; readonly user: boolean }
  | {
      readonly kind: 'atomic'
      readonly to: number
      readonly off: number
      readonly which: number
      /** cmpxchg compares with what a load of the same place gave. */
      readonly same: boolean
    }
  /** Allocates or frees pages, by number among those of the program. */
  | { readonly kind: 'pages'; readonly free: boolean; readonly page: number; readonly count: number }
  | FrameStep
  /** Accesses through one pointer, not far from each other; `apart`: in a block of their own. */
  | { readonly kind: 'burst'; readonly apart: boolean; readonly steps: readonly EdgeStep[] }
  | { readonly kind: 'if'; readonly bit: number; readonly steps: readonly EdgeStep[] }
  | { readonly kind: 'loop'; readonly rounds: number; readonly may: boolean; readonly steps: readonly EdgeStep[] }
  /** A loop that is entered at two places. */
  | {
      readonly kind: 'tangle'
      readonly rounds: number
      readonly bit: number
      readonly steps: readonly EdgeStep[]
      readonly more: readonly EdgeStep[]
    }
  /**
   * A loop of many loads through one pointer, each in a block of its own. The pointer moves in its middle, where `steps`
   * stand, and at its end.
   */
  | {
      readonly kind: 'scan'
      readonly rounds: number
      readonly through: number
      readonly at: number | undefined
      readonly loads: readonly { readonly off: number; readonly bytes: number; readonly signed: boolean }[]
      readonly middle: number
      readonly by: number
      readonly steps: readonly EdgeStep[]
    }
  /** Calls the function with a pointer. */
  | { readonly kind: 'call'; readonly from: number; readonly off: number; readonly place: number }

/** On the places of the stack. */
export type FrameStep =
  /** `odd`: not as the place lies, but so many bytes from there on, as far as they are aligned. */
  | {
      readonly kind: 'frame'
      readonly op: 'load' | 'store' | 'store-sum' | 'atomic'
      readonly place: number
      readonly signed: boolean
      /** Through a pointer that was made of r10. */
      readonly pointer: boolean
      readonly odd: number | undefined
      readonly value: number
    }
  /** Gives its address to a helper. */
  | { readonly kind: 'look-up'; readonly place: number }
  /** Loads through a pointer to one of two places. */
  | { readonly kind: 'meet'; readonly bit: number; readonly a: number; readonly b: number }
  /** Keeps a pointer on the stack, and loads through it. */
  | { readonly kind: 'keep'; readonly place: number }

export interface EdgeProgram {
  readonly arena: EdgeArena
  /** Pages around which addresses lie, and which of them are there at the start. */
  readonly pages: readonly number[]
  readonly present: readonly number[]
  readonly starts: readonly number[]
  readonly places: readonly FramePlace[]
  readonly steps: readonly EdgeStep[]
  readonly callee: readonly EdgeStep[]
}

/** Two of them more often than the others: what is known of a pointer counts when it is used again. */
const pointer = fc.constantFrom(...POINTERS, 6, 6, 7)
const bytes = fc.constantFrom(1, 2, 4, 8)
const index = fc.nat(63)
const kind = <K extends EdgeStep['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name)

/** Distances from a page's end at which something changes, and some others. */
const distance: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) },
  { weight: 5, arbitrary: fc.integer({ min: -4, max: 4 }).map((by) => by * 8) },
  { weight: 1, arbitrary: fc.integer({ min: -PAGE, max: PAGE }) },
)

const addressAmong = (pages: readonly number[]): fc.Arbitrary<number> =>
  fc
    .tuple(fc.constantFrom(...pages), fc.constantFrom(0, PAGE), distance)
    .map(([page, end, by]) => (page * PAGE + end + by) >>> 0)

/** For most of what is near an end to count, the first of some accesses has to be aligned. */
const alignedAmong = (pages: readonly number[]): fc.Arbitrary<number> =>
  fc
    .tuple(fc.constantFrom(...pages), fc.constantFrom(0, PAGE), fc.integer({ min: -4, max: 4 }))
    .map(([page, end, by]) => (page * PAGE + end + 8 * by) >>> 0)

/** Offsets: none or small mostly; some as far as one page reaches, some as far as offsets go. */
const offset: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 8, 16, 24, -8) },
  { weight: 4, arbitrary: fc.integer({ min: -17, max: 17 }) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(-PAGE, PAGE), fc.integer({ min: -9, max: 9 })).map(([a, b]) => a + b),
  },
  { weight: 1, arbitrary: fc.constantFrom(-32_768, -32_761, 32_760, 32_767) },
)

const shiftOf = (to: fc.Arbitrary<number>): fc.Arbitrary<Extract<EdgeStep, { kind: 'shift' }>> =>
  fc.record({ kind: kind('shift'), to, mask: fc.constantFrom(7, 8, 8, 0x1008, 0x1ff8, 0x1007, -1) })

const pagesAmong = (pages: readonly number[]): fc.Arbitrary<Extract<EdgeStep, { kind: 'pages' }>> =>
  fc.record({
    kind: kind('pages'),
    free: fc.boolean(),
    page: fc.nat(pages.length - 1),
    count: fc.constantFrom(1, 1, 2),
  })

/** Offsets that a burst keeps near to: mostly such as reach over an end. */
const center: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(-PAGE, PAGE, 2048, -2048, 16) },
  { weight: 1, arbitrary: fc.constantFrom(-32_700, 32_700) },
)

/** One part of a burst; `by` is a distance from its center. */
type Part =
  | {
      readonly kind: 'access'
      readonly by: number
      readonly bytes: number
      readonly signed: boolean
      readonly store: boolean
    }
  /** Moves the pointer; the accesses behind it lie where they would else. */
  | { readonly kind: 'move'; readonly by: number }
  | Extract<EdgeStep, { kind: 'shift' | 'pages' }>

const near: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(-16, -8, 0, 8, 16, 24) },
  { weight: 1, arbitrary: fc.integer({ min: -24, max: 24 }) },
)

function burstAmong(pages: readonly number[]): fc.Arbitrary<EdgeStep> {
  const part: fc.Arbitrary<Part> = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('access'), by: near, bytes, signed: fc.boolean(), store: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('move'), by: fc.oneof(near, center) }) },
    { weight: 1, arbitrary: shiftOf(fc.constant(6)) },
    { weight: 1, arbitrary: pagesAmong(pages) },
  )
  return fc
    .record({
      through: pointer,
      at: center,
      parts: fc.array(part, { minLength: 2, maxLength: 6 }),
      stores: fc.boolean(),
      apart: fc.constantFrom(true, true, true, false),
      start: fc.option(alignedAmong(pages), { freq: 4, nil: undefined }),
    })
    .map(({ through, at, parts, stores, apart, start }) => {
      let moved = 0
      const steps = parts.map((each): EdgeStep => {
        switch (each.kind) {
          case 'shift':
            return { ...each, to: through }
          case 'pages':
            return each
          case 'move':
            moved += each.by
            return { kind: 'move', to: through, by: each.by }
          case 'access': {
            const off = Math.min(MAX_OFFSET, Math.max(-MAX_OFFSET, at + each.by - moved))
            return stores && each.store
              ? { kind: 'store', to: through, off, bytes: each.bytes }
              : { kind: 'load', from: through, off, bytes: each.bytes, signed: each.signed }
          }
          default:
            throw new Error(`a part of kind ${(each satisfies never as Part).kind}`)
        }
      })
      // Pointers that were moved about lie where nothing is, mostly.
      const first: readonly EdgeStep[] = start === undefined ? [] : [{ kind: 'point', to: through, at: start }]
      return { kind: 'burst', apart, steps: [...first, ...steps] }
    })
}

/** More loads than a loop may have without being written twice, and as many as it takes. */
function scanAmong(pages: readonly number[], straight: fc.Arbitrary<EdgeStep>): fc.Arbitrary<EdgeStep> {
  const off = fc.oneof(near, near, offset)
  return fc.record({
    kind: kind('scan'),
    rounds: fc.integer({ min: 2, max: 4 }),
    through: pointer,
    at: fc.option(alignedAmong(pages), { freq: 4, nil: undefined }),
    loads: fc.array(fc.record({ off, bytes: fc.constantFrom(1, 1, 1, 2, 4, 8), signed: fc.boolean() }), {
      minLength: 5,
      maxLength: 10,
    }),
    middle: fc.oneof(near, center),
    by: fc.oneof(near, center),
    steps: fc.array(straight, { maxLength: 1 }),
  })
}

const MAX_OFFSET = 32_767

const frame: fc.Arbitrary<EdgeStep> = fc.record({
  kind: kind('frame'),
  op: fc.constantFrom('load', 'load', 'store', 'store-sum', 'store-sum', 'atomic'),
  place: index,
  signed: fc.boolean(),
  pointer: fc.boolean(),
  odd: fc.option(bytes, { nil: undefined, freq: 8 }),
  value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
})

/** Steps without branches. */
function simple(pages: readonly number[]): fc.WeightedArbitrary<EdgeStep>[] {
  return [
    { weight: 2, arbitrary: fc.record({ kind: kind('point'), to: pointer, at: addressAmong(pages) }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('copy'), to: pointer, from: pointer }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('move'), to: pointer, by: offset }) },
    { weight: 1, arbitrary: shiftOf(pointer) },
    {
      weight: 10,
      arbitrary: fc.record({ kind: kind('load'), from: pointer, off: offset, bytes, signed: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('follow'), to: pointer, from: pointer, off: offset }) },
    {
      weight: 10,
      arbitrary: fc.record(
        { kind: kind('store'), to: pointer, off: offset, bytes, value: fc.integer({ min: -128, max: 127 }) },
        { requiredKeys: ['kind', 'to', 'off', 'bytes'] },
      ),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: kind('link'), to: pointer, off: offset, from: pointer, user: fc.boolean() }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: kind('atomic'),
        to: pointer,
        off: offset,
        which: fc.nat(ATOMICS.length - 1),
        same: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: pagesAmong(pages) },
    { weight: 5, arbitrary: frame },
    { weight: 24, arbitrary: burstAmong(pages) },
    { weight: 1, arbitrary: fc.record({ kind: kind('keep'), place: index }) },
  ]
}

/** Steps of the program itself. */
function stepOf(straight: fc.Arbitrary<EdgeStep>, pages: readonly number[]): fc.Arbitrary<EdgeStep> {
  const few = fc.array(straight, { minLength: 1, maxLength: 5 })
  const rounds = fc.integer({ min: 2, max: 4 })
  const bit = fc.nat(7)
  return fc.oneof(
    { weight: 24, arbitrary: straight },
    { weight: 3, arbitrary: fc.record({ kind: kind('if'), bit, steps: few }) },
    { weight: 3, arbitrary: fc.record({ kind: kind('loop'), rounds, may: fc.boolean(), steps: few }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('tangle'), rounds, bit, steps: few, more: few }) },
    { weight: 3, arbitrary: scanAmong(pages, straight) },
    { weight: 1, arbitrary: fc.record({ kind: kind('call'), from: pointer, off: offset, place: index }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('look-up'), place: index }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('meet'), bit, a: index, b: index }) },
  )
}

const places: fc.Arbitrary<readonly FramePlace[]> = fc
  .array(fc.constantFrom(...SPLITS), { minLength: WORDS, maxLength: WORDS })
  .map((splits) => {
    let next = 0
    return splits.flat().map((size) => {
      next += size
      return { offset: next - size, bytes: size }
    })
  })

/** All, all but one, or any of them: only among three that are there does a store go straight to memory. */
function presentAmong(pages: readonly number[]): fc.Arbitrary<readonly number[]> {
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant(pages) },
    { weight: 2, arbitrary: fc.constantFrom(...pages).map((absent) => pages.filter((page) => page !== absent)) },
    { weight: 1, arbitrary: fc.subarray([...pages], { minLength: 1 }) },
  )
}

function programIn(arena: EdgeArena, pages: readonly number[]): fc.Arbitrary<EdgeProgram> {
  const at = addressAmong(pages)
  const straight = fc.oneof(...simple(pages))
  return fc.record({
    arena: fc.constant(arena),
    pages: fc.constant(pages),
    present: presentAmong(pages.filter((page) => page >= arena.first && page < arena.first + arena.pages)),
    starts: fc.tuple(at, at, at, at, at),
    places,
    steps: fc.array(stepOf(straight, pages), { minLength: 3, maxLength: 20 }),
    callee: fc.array(straight, { minLength: 1, maxLength: 6 }),
  })
}

/** The whole window, or a few pages of it; addresses of those lie around the arena's ends as well. */
export const edgeProgram: fc.Arbitrary<EdgeProgram> = fc
  .record({ first: fc.constantFrom(-1, -1, ...SMALL_AT), plain: fc.constantFrom(false, false, true) })
  .chain(({ first, plain }) => {
    if (first < 0) {
      return fc.constantFrom(...PAGES).chain((pages) => programIn({ first: 0, pages: WINDOW_PAGES, plain }, pages))
    }
    const around = Array.from({ length: SMALL_PAGES + 2 }, (_, n) => (first - 1 + n + WINDOW_PAGES) % WINDOW_PAGES)
    return programIn({ first, pages: SMALL_PAGES, plain }, around)
  })
