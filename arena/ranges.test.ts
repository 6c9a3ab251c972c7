/** The two policies against the naive ones, under random operations, with every invariant checked after each step. */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { BestFit } from './best-fit.ts'
import { FirstFit } from './first-fit.ts'
import { closeTestKernels, testKernel } from './fixture.ts'
import { makeNodeStore, type NodeStore } from './maple/store.ts'
import { NaiveBestFit, NaiveFirstFit } from './naive-ranges.ts'
import type { FreeRanges } from './ranges.ts'

afterEach(closeTestKernels)

const RUNS = process.env.HARENA_LONG === undefined ? 40 : 1000

function testStore(): NodeStore {
  const kernel = testKernel()
  const store = makeNodeStore(kernel.memory, kernel.pages)
  if (store === undefined) throw new Error('no memory for a node store')
  return store
}

const finite = (ranges: FreeRanges): (readonly [number, number])[] =>
  [...ranges.ranges()].filter(([, last]) => last < Number.MAX_SAFE_INTEGER)

/** One operation on both; what it answers must be equal, and the free ranges afterwards. */
class Step implements fc.Command<FreeRanges, FreeRanges> {
  readonly name: string
  readonly run1: (ranges: FreeRanges) => number | boolean
  constructor(name: string, run: (ranges: FreeRanges) => number | boolean) {
    this.name = name
    this.run1 = run
  }
  check(): boolean {
    return true
  }
  run(model: FreeRanges, real: FreeRanges): void {
    expect(this.run1(real)).toBe(this.run1(model))
    real.check()
    expect(finite(real)).toEqual(finite(model))
  }
  toString(): string {
    return this.name
  }
}

/** Finds room and takes it, as an allocation at no address does. */
function place(ranges: FreeRanges, count: number, window: number): number {
  const start = ranges.find(count, window)
  if (start >= 0) ranges.clear(start, count)
  return start
}

function steps(pages: number): fc.Arbitrary<fc.Command<FreeRanges, FreeRanges>>[] {
  const start = fc.nat(pages - 1)
  const count = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 1, max: pages }))
  const span = fc.tuple(start, count)
  return [
    count.map((n) => new Step(`place ${n}`, (ranges) => place(ranges, n, pages))),
    span.map(([at, n]) => new Step(`find ${n} in ${at}`, (ranges) => ranges.find(n, at))),
    span.map(([at, n]) => new Step(`clear ${at} ${n}`, (ranges) => ranges.clear(at, n))),
    span.map(([at, n]) => new Step(`set ${at} ${n}`, (ranges) => ranges.set(at, n))),
    span.map(([at, n]) => new Step(`covered ${at} ${n}`, (ranges) => ranges.covered(at, n))),
    start.map((at) => new Step(`take ${at}`, (ranges) => ranges.take(at))),
  ]
}

const SIZES = [8, 64, 300]

describe.each(SIZES)('%i pages', (pages) => {
  const commands = fc.commands(steps(pages), { maxCommands: 120, size: 'max' })

  test('best fit', () => {
    fc.assert(
      fc.property(commands, (list) => {
        fc.modelRun(() => ({ model: new NaiveBestFit(pages), real: new BestFit(testStore(), pages) }), list)
        closeTestKernels()
      }),
      { numRuns: RUNS },
    )
  })

  test('first fit', () => {
    fc.assert(
      fc.property(commands, (list) => {
        fc.modelRun(() => ({ model: new NaiveFirstFit(), real: new FirstFit(testStore()) }), list)
        closeTestKernels()
      }),
      { numRuns: RUNS },
    )
  })
})

describe('best fit', () => {
  test('stamps start again from 0 in the same order', () => {
    const model = new NaiveBestFit(200)
    const real = new BestFit(testStore(), 200, 2 ** 31 - 40)
    for (const ranges of [model, real]) {
      for (let page = 0; page < 200; page += 4) ranges.clear(page, 3)
      real.check()
      // 51 stamps are used by now. Equal sizes: the latest first.
      for (const page of [40, 8, 120, 64]) ranges.set(page, 1)
    }
    for (let taken = 0; taken < 60; taken++) {
      expect(place(real, 1, 200)).toBe(place(model, 1, 200))
      real.check()
    }
  })

  test('100,000 ranges: an allocation goes through a bounded number of nodes', () => {
    const store = testStore()
    const real = new BestFit(store, 2 ** 20)
    for (let page = 0; page < 1_000_000; page += 10) real.clear(page, 5)
    real.check()
    const before = real.visits
    for (let run = 0; run < 1000; run++) real.set(place(real, 3, 0), 3)
    // A find, a clear and a set: about fifteen walks of at most nine levels.
    expect((real.visits - before) / 1000).toBeLessThan(150)
  })

  test('no memory for nodes: ENOMEM, and what was there stays', () => {
    const kernel = testKernel(8 * 4096)
    const store = makeNodeStore(kernel.memory, kernel.pages)!
    const real = new BestFit(store, 10_000)
    let failed = 0
    for (let page = 0; page < 5000 && failed === 0; page += 2) {
      const before = finite(real)
      failed = real.clear(page, 1)
      if (failed !== 0) expect(finite(real)).toEqual(before)
    }
    expect(failed).toBe(-12)
    real.check()
  })
})
