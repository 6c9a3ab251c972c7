/**
 * The arena against a model of a few lines: pages as sets, placement by the naive policies. Random calls of BPF and of
 * user space, windows that differ from max_entries, addresses above, below and off the page.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { SegmentationFault } from '../errors/errors.ts'
import { MAP_FLAGS } from '../program/types.ts'
import type { Arena } from './arena.ts'
import { alloc, BASE, closeTestKernels, free, load, makeArena, PAGE, reserve, runScript, store } from './fixture.ts'
import { NaiveBestFit, NaiveFirstFit } from './naive-ranges.ts'
import type { FreeRanges, Placement } from './ranges.ts'

afterEach(closeTestKernels)

const GIB4 = 1n << 32n

/** What an arena does, with page numbers and addresses as Linux computes them, on 64-bit values. */
class Model {
  readonly start: bigint
  readonly window: number
  readonly segv: boolean
  readonly ranges: FreeRanges
  /** Present pages by low address, with the byte that was stored last. */
  readonly present = new Map<bigint, number>()

  constructor(shape: Shape) {
    this.start = shape.start
    this.window = shape.window
    this.segv = shape.segv
    this.ranges = shape.placement === 'first-fit' ? new NaiveFirstFit() : new NaiveBestFit(shape.entries)
  }

  page(address: bigint): number {
    return Number(BigInt.asUintN(32, address - this.start) / PAGE)
  }

  low(page: number): bigint {
    return BigInt.asUintN(32, this.start + BigInt(page) * PAGE)
  }

  alloc(address: bigint, count: number): bigint | undefined {
    if (count === 0 || count > this.window) return undefined
    let page: number
    if (address === 0n) page = this.ranges.find(count, this.window)
    else {
      page = this.page(address)
      if (address % PAGE !== 0n || page > this.window - count || !this.ranges.covered(page, count)) return undefined
    }
    if (page < 0) return undefined
    this.ranges.clear(page, count)
    const pages = Array.from({ length: count }, (_, index) => this.low(page + index))
    if (pages.some((one) => this.present.has(one))) {
      this.ranges.set(page, count)
      return undefined
    }
    for (const one of pages) this.present.set(one, 0)
    return (this.start / GIB4) * GIB4 + this.low(page)
  }

  free(address: bigint, count: number): void {
    if (address === 0n || count === 0) return
    const first = BigInt.asUintN(32, address - (address % PAGE))
    const end = BigInt.asUintN(32, this.start) + BigInt(this.window) * PAGE
    const pages = Number((end - first) / PAGE)
    if (pages <= 0) return
    this.ranges.set(this.page(first), Math.min(count, pages))
    for (let index = 0; index < Math.min(count, pages); index++) this.present.delete(first + BigInt(index) * PAGE)
  }

  reserve(address: bigint, count: number): number {
    if (count === 0 || address % PAGE !== 0n) return 0
    const page = this.page(address)
    if (page + count > this.window) return -22
    if (!this.ranges.covered(page, count)) return -16
    return this.ranges.clear(page, count)
  }

  touch(page: number, value: number): boolean {
    if (page < 0 || page >= this.window) return false
    const low = this.low(page)
    if (!this.present.has(low) && (this.segv || this.ranges.take(page) !== 0)) return false
    this.present.set(low, value)
    return true
  }
}

interface Shape {
  readonly start: bigint
  readonly entries: number
  readonly window: number
  readonly segv: boolean
  readonly placement: Placement
}

class Step implements fc.Command<Model, Arena> {
  readonly name: string
  readonly both: readonly [model: (model: Model) => unknown, real: (arena: Arena) => unknown]
  constructor(name: string, model: (model: Model) => unknown, real: (arena: Arena) => unknown) {
    this.name = name
    this.both = [model, real]
  }
  check(): boolean {
    return true
  }
  run(model: Model, real: Arena): void {
    expect(this.both[1](real)).toBe(this.both[0](model))
    real.check(false)
    expect(real.residentPages()).toBe(model.present.size)
    const wrong = [...model.present].filter(([low, value]) => load(real, Number(low), 0, 1) !== BigInt(value))
    expect(wrong).toEqual([])
  }
  toString(): string {
    return this.name
  }
}

function touchReal(arena: Arena, page: number, value: number): boolean {
  const user = arena.mmap()
  try {
    user.setU8(user.start + BigInt(page) * PAGE, value)
    return true
  } catch (error) {
    if (!(error instanceof SegmentationFault)) throw error
    return false
  }
}

function steps({ start, window }: Shape): fc.Arbitrary<Step>[] {
  const page = fc.integer({ min: -3, max: window + 2 })
  const count = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.nat(window + 2))
  // Mostly pages of the window; now and then off a page, or with another upper half.
  const off = fc.constantFrom(0n, 0n, 0n, 0n, 0n, 123n)
  const upper = fc.constantFrom(0n, 0n, 0n, GIB4, -GIB4)
  const address = fc
    .tuple(page, off, upper)
    .map(([number, more, high]) => BigInt.asUintN(64, start + BigInt(number) * PAGE + more + high))
  const call = fc.tuple(address, count)
  const byte = fc.integer({ min: 1, max: 255 })
  const hex = (value: bigint): string => value.toString(16)
  return [
    count.map(
      (n) =>
        new Step(
          `alloc ${n}`,
          (model) => model.alloc(0n, n),
          (arena) => alloc(arena, 0n, n),
        ),
    ),
    call.map(
      ([at, n]) =>
        new Step(
          `alloc ${hex(at)} ${n}`,
          (model) => model.alloc(at, n),
          (arena) => alloc(arena, at, n),
        ),
    ),
    call.map(
      ([at, n]) =>
        new Step(
          `free ${hex(at)} ${n}`,
          (model) => model.free(at, n),
          (arena) => free(arena, at, n),
        ),
    ),
    call.map(
      ([at, n]) =>
        new Step(
          `reserve ${hex(at)} ${n}`,
          (model) => model.reserve(at, n),
          (arena) => reserve(arena, at, n),
        ),
    ),
    fc.tuple(page, byte).map(
      ([number, value]) =>
        new Step(
          `touch ${number} ${value}`,
          (model) => model.touch(number, value),
          (arena) => touchReal(arena, number, value),
        ),
    ),
  ]
}

const SHAPES: readonly (Shape & { readonly name: string })[] = (['best-fit', 'first-fit'] as const).flatMap(
  (placement) =>
    [
      { name: 'a window at a multiple of 4 GiB', start: BASE, entries: 16, window: 16, segv: false },
      { name: 'a window elsewhere', start: BASE + 0x7000n, entries: 24, window: 24, segv: false },
      { name: 'SEGV_ON_FAULT', start: BASE + 0x7000n, entries: 12, window: 12, segv: true },
      { name: 'a window at the end of 4 GiB', start: BASE + GIB4 - 8n * PAGE, entries: 8, window: 8, segv: false },
      { name: 'a window larger than max_entries', start: BASE + 0x5000n, entries: 8, window: 20, segv: false },
      { name: 'a window smaller than max_entries', start: BASE + 0x5000n, entries: 20, window: 8, segv: false },
    ].map((shape) => ({ ...shape, placement })),
)

describe.each(SHAPES)('$placement: $name', (shape) => {
  test('random calls', () => {
    const commands = fc.commands(steps(shape), { maxCommands: 80, size: 'max' })
    fc.assert(
      fc.property(commands, (list) => {
        let arena: Arena | undefined
        fc.modelRun(() => {
          const flags = shape.segv ? MAP_FLAGS.segv_on_fault : 0
          const { placement, entries, start, window } = shape
          const real = makeArena({ maxEntries: entries, extra: 0n, flags }, { placement })
          // Later calls without a request then give this very mapping's window.
          real.mmap({ address: start, fixed: true, length: window * 4096 })
          arena = real
          return { model: new Model(shape), real }
        }, list)
        // The whole page table takes too long for every step.
        arena?.check(true)
        closeTestKernels()
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 15 : 400 },
    )
  })
})

describe('(f) casts and addresses', () => {
  test('what a cast to user space puts into the upper half', () => {
    expect(makeArena().castHigh).toBe(0x1000)
    expect(makeArena({ extra: 0xfffff000_00001000n }).castHigh).toBe(0xfffff000 | 0)
    const arena = makeArena({ flags: MAP_FLAGS.no_user_conv })
    expect([arena.castHigh, alloc(arena, 0n, 1)]).toEqual([0, BASE])
  })

  test('one page at the end of 4 GiB lies at its low 32 bits', () => {
    const arena = makeArena({ maxEntries: 1, extra: 0x1000fffff000n })
    expect(alloc(arena, 0n, 1)).toBe(0x1000fffff000n)
    store(arena, 0xfffff000, 8, 4, 0x99n)
    expect([load(arena, 0xfffff008, 0, 4), load(arena, 8, 0, 4)]).toEqual([0x99n, 0n])
    expect(arena.mmap().u32(0x1000fffff008n)).toBe(0x99)
  })

  test('page 0 of an arena at a multiple of 4 GiB can be freed by any address but 0', () => {
    runScript(
      makeArena(),
      'alloc p0 1 = 0\nfree 0 1\nalloc p0 1 = NULL\nfree 0x7b 1\nalloc p0 1 = 0\nfree 0x100000000 1\nalloc p0 1 = 0',
    )
  })
})

describe('large arenas', () => {
  test('4 GiB at once, and given back', () => {
    const arena = makeArena({ maxEntries: 2 ** 20, extra: BASE })
    runScript(arena, 'alloc 0 0x100000 = 0\nalloc 0 1 = NULL\nfree p500 1\nalloc 0 1 = 500\nfree p5 0xfffff')
    expect(arena.residentPages()).toBe(5)
  })
})
