/** The maple tree against a plain list, with the whole tree checked after each step, and its promises one by one. */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { closeTestKernels, testKernel, testRandom } from '../fixture.ts'
import { checkTree } from './check.ts'
import { TOP } from './node.ts'
import { makeNodeStore, type NodeStore } from './store.ts'
import { MapleTree } from './tree.ts'
import { clearTree } from './write.ts'

afterEach(closeTestKernels)

const LONG = process.env.HARENA_LONG !== undefined
const EINVAL = -22
const EEXIST = -17
const EBUSY = -16
const ENOMEM = -12

function testStore(memoryLimit = 0): NodeStore {
  const kernel = testKernel(memoryLimit)
  return makeNodeStore(kernel.memory, kernel.pages)!
}

type Entry = readonly [first: number, last: number, value: number]

/** Disjoint entries by position. */
class NaiveMap {
  entries: Entry[] = []

  store(first: number, last: number, value: number): number {
    const kept = this.entries.flatMap(([from, to, old]): Entry[] => {
      const pieces: Entry[] = []
      if (from < first) pieces.push([from, Math.min(to, first - 1), old])
      if (to > last) pieces.push([Math.max(from, last + 1), to, old])
      return pieces
    })
    if (value !== 0) kept.push([first, last, value])
    this.entries = kept.sort((a, b) => a[0] - b[0])
    return 0
  }

  at(index: number): Entry | undefined {
    return this.entries.find(([first, last]) => first <= index && index <= last)
  }

  insert(first: number, last: number, value: number): number {
    if (this.entries.some(([from, to]) => from <= last && to >= first)) return EEXIST
    return this.store(first, last, value)
  }

  erase(index: number): number {
    const entry = this.at(index)
    if (entry !== undefined) this.store(entry[0], entry[1], 0)
    return entry?.[2] ?? 0
  }

  /** Empty spans cut to [min, max]. */
  gaps(min: number, max: number): [number, number][] {
    const gaps: [number, number][] = []
    let first = min
    for (const [from, to] of this.entries) {
      if (to < min || from > max) continue
      if (from > first) gaps.push([first, from - 1])
      first = Math.max(first, to + 1)
    }
    if (first <= max) gaps.push([first, max])
    return gaps
  }

  area(min: number, max: number, count: number): number {
    if (min > max || count === 0 || max - min < count - 1) return EINVAL
    return this.gaps(min, max).find(([first, last]) => last - first >= count - 1)?.[0] ?? EBUSY
  }

  areaReverse(min: number, max: number, count: number): number {
    if (min > max || count === 0 || max - min < count - 1) return EINVAL
    const gap = this.gaps(min, max).findLast(([first, last]) => last - first >= count - 1)
    return gap === undefined ? EBUSY : gap[1] - count + 1
  }

  alloc(value: number, count: number, start: number): number {
    return start < 0 ? start : this.store(start, start + count - 1, value) || start
  }
}

type Both = readonly [name: string, model: (map: NaiveMap) => number, real: (tree: MapleTree) => number]

class Step implements fc.Command<NaiveMap, MapleTree> {
  readonly both: Both
  constructor(both: Both) {
    this.both = both
  }
  check(): boolean {
    return true
  }
  run(model: NaiveMap, real: MapleTree): void {
    expect(this.both[2](real)).toBe(this.both[1](model))
    compare(model, real)
  }
  toString(): string {
    return this.both[0]
  }
}

function compare(model: NaiveMap, real: MapleTree): void {
  const { nodes, entries } = checkTree(real)
  expect(entries).toBe(model.entries.length)
  expect(nodes).toBe(real.store.used)
  expect([...real.entries()]).toEqual(model.entries)
}

/** Most indices are small, so that operations meet; some are at the end of the index space. */
function steps(size: number): fc.Arbitrary<Step>[] {
  const index = fc.oneof({ weight: 20, arbitrary: fc.nat(size) }, fc.integer({ min: TOP - size, max: TOP }))
  const length = fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, fc.nat(size))
  const span = fc.tuple(index, length).map(([first, more]) => [first, Math.min(first + more, TOP)] as const)
  const value = fc.integer({ min: 1, max: 9 })
  const step = (...both: Both): Step => new Step(both)
  return [
    fc.tuple(span, value).map(([[first, last], v]) =>
      step(
        `store ${first}-${last} ${v}`,
        (map) => map.store(first, last, v),
        (tree) => tree.storeRange(first, last, v),
      ),
    ),
    span.map(([first, last]) =>
      step(
        `empty ${first}-${last}`,
        (map) => map.store(first, last, 0),
        (tree) => tree.storeRange(first, last, 0),
      ),
    ),
    fc.tuple(span, value).map(([[first, last], v]) =>
      step(
        `insert ${first}-${last}`,
        (map) => map.insert(first, last, v),
        (tree) => tree.insertRange(first, last, v),
      ),
    ),
    index.map((at) =>
      step(
        `erase ${at}`,
        (map) => map.erase(at),
        (tree) => tree.erase(at),
      ),
    ),
    index.map((at) =>
      step(
        `load ${at}`,
        (map) => map.at(at)?.[2] ?? 0,
        (tree) => tree.load(at),
      ),
    ),
    index.map((at) =>
      step(
        `next ${at}`,
        (map) => map.entries.find(([, last]) => last >= at)?.[0] ?? -1,
        (tree) => (tree.next(at) ? tree.first : -1),
      ),
    ),
    index.map((at) =>
      step(
        `previous ${at}`,
        (map) => map.entries.findLast(([first]) => first <= at)?.[0] ?? -1,
        (tree) => (tree.previous(at) ? tree.first : -1),
      ),
    ),
  ]
}

function gapSteps(size: number): fc.Arbitrary<Step>[] {
  const bound = fc.nat(2 * size)
  const count = fc.oneof({ weight: 6, arbitrary: fc.nat(6) }, fc.nat(size))
  const search = fc.tuple(bound, bound, count)
  const step = (...both: Both): Step => new Step(both)
  return [
    search.map(([min, max, n]) =>
      step(
        `area ${min} ${max} ${n}`,
        (map) => map.area(min, max, n),
        (tree) => tree.area(min, max, n),
      ),
    ),
    search.map(([min, max, n]) =>
      step(
        `reverse ${min} ${max} ${n}`,
        (map) => map.areaReverse(min, max, n),
        (tree) => tree.areaReverse(min, max, n),
      ),
    ),
    search.map(([min, max, n]) =>
      step(
        `alloc ${min} ${max} ${n}`,
        (map) => map.alloc(7, n, map.area(min, max, n)),
        (tree) => tree.allocRange(7, n, min, max),
      ),
    ),
    search.map(([min, max, n]) =>
      step(
        `alloc from above ${min} ${max} ${n}`,
        (map) => map.alloc(8, n, map.areaReverse(min, max, n)),
        (tree) => tree.allocRangeReverse(8, n, min, max),
      ),
    ),
  ]
}

describe.each([true, false])('gaps tracked: %s', (gaps) => {
  test.each([60, 600])('random operations below %i', (size) => {
    const commands = fc.commands(gaps ? [...steps(size), ...gapSteps(size)] : steps(size), {
      maxCommands: 150,
      size: 'max',
    })
    fc.assert(
      fc.property(commands, (list) => {
        fc.modelRun(() => ({ model: new NaiveMap(), real: new MapleTree(testStore(), gaps) }), list)
        closeTestKernels()
      }),
      { numRuns: LONG ? 600 : 30 },
    )
  })

  test.each([
    ['growing and shrinking', 3, 6],
    ['mostly erasing', 2, 40],
    ['wide writes', 4, 300],
  ])('a tree of several levels: %s', (_name, values, length) => {
    const random = testRandom(7)
    const below = (limit: number): number => Math.floor((random() / 2 ** 32) * limit)
    const tree = new MapleTree(testStore(), gaps)
    const model = new NaiveMap()
    let height = 0
    for (let index = 0; index < 400; index++) model.store(4 * index, 4 * index + 1, 1)
    for (const [first, last, value] of model.entries) tree.storeRange(first, last, value)
    for (let run = 0; run < (LONG ? 20_000 : 1000); run++) {
      const first = below(1600)
      const last = first + (below(4) === 0 ? below(length) : below(3))
      const value = below(values)
      tree.storeRange(first, last, value)
      model.store(first, last, value)
      height = Math.max(height, checkTree(tree).height)
      if (run % 16 === 0) compare(model, tree)
    }
    compare(model, tree)
    expect(height).toBeGreaterThanOrEqual(3)
  })

  test('clearing frees every node', () => {
    const tree = new MapleTree(testStore(), gaps)
    for (let index = 0; index < 1000; index++) tree.storeRange(2 * index, 2 * index, 1)
    expect(tree.store.used).toBe(checkTree(tree).nodes)
    clearTree(tree)
    expect([tree.store.used, tree.root, tree.load(4)]).toEqual([0, 0, 0])
  })

  test('100,000 ranges: look-ups and searches visit one node a level', () => {
    const tree = new MapleTree(testStore(), gaps)
    for (let index = 0; index < 100_000; index++) tree.storeRange(10 * index, 10 * index + 4, 1)
    const { height, entries } = checkTree(tree)
    expect(entries).toBe(100_000)
    expect(height).toBeLessThanOrEqual(7)
    const random = testRandom(3)
    for (let run = 0; run < 1000; run++) {
      const at = random() % 1_000_000
      tree.visits = 0
      expect(tree.load(at)).toBe(at % 10 < 5 ? 1 : 0)
      expect(tree.visits).toBe(height)
      if (!gaps) continue
      tree.visits = 0
      expect(tree.area(at, TOP, 6)).toBe(Math.max(999_995, at))
      // Two paths at most: the one cut by the lower bound, and the one that leads to the gap.
      expect(tree.visits).toBeLessThanOrEqual(2 * height)
    }
  })
})

describe('what the operations promise', () => {
  const trees = (): MapleTree => new MapleTree(testStore(), true)

  test('equal neighbours stay apart, empty ones are one', () => {
    const tree = trees()
    tree.storeRange(10, 19, 5)
    tree.storeRange(20, 29, 5)
    expect([...tree.entries()]).toEqual([
      [10, 19, 5],
      [20, 29, 5],
    ])
    expect(tree.erase(15)).toBe(5)
    tree.load(3)
    expect([tree.first, tree.last, tree.value]).toEqual([0, 19, 0])
  })

  test('storing empty splits an entry at its ends', () => {
    const tree = trees()
    tree.storeRange(0, TOP, 5)
    tree.storeRange(7, 8, 0)
    expect([...tree.entries()]).toEqual([
      [0, 6, 5],
      [9, TOP, 5],
    ])
  })

  test.each<[string, (tree: MapleTree) => number, number]>([
    ['first > last', (tree) => tree.storeRange(5, 4, 1), EINVAL],
    ['beyond the top', (tree) => tree.storeRange(5, TOP + 1, 1), EINVAL],
    ['below 0', (tree) => tree.storeRange(-1, 4, 1), EINVAL],
    ['insert of empty', (tree) => tree.insertRange(1, 2, 0), EINVAL],
    ['insert with first > last', (tree) => tree.insertRange(2, 1, 1), EINVAL],
    ['insert over an entry', (tree) => tree.insertRange(0, 10, 1), EEXIST],
    ['insert over the end of an entry', (tree) => tree.insertRange(19, 30, 1), EEXIST],
    ['insert beside an entry', (tree) => tree.insertRange(20, 30, 1), 0],
    ['area: min > max', (tree) => tree.area(5, 4, 1), EINVAL],
    ['area: none asked for', (tree) => tree.area(0, 4, 0), EINVAL],
    ['area: window too small', (tree) => tree.area(0, 4, 6), EINVAL],
    ['area: nothing free', (tree) => tree.area(10, 19, 3), EBUSY],
    ['area: below the entry', (tree) => tree.area(0, 100, 10), 0],
    ['area: behind it', (tree) => tree.area(0, 100, 11), 20],
    ['area: cut by the lower bound', (tree) => tree.area(3, 100, 8), 20],
    ['area from above', (tree) => tree.areaReverse(0, 100, 8), 93],
    ['area from above, cut', (tree) => tree.areaReverse(0, 24, 6), 4],
    ['alloc of empty', (tree) => tree.allocRange(0, 1, 0, 9), EINVAL],
    ['alloc', (tree) => tree.allocRange(1, 3, 8, 99), 20],
    ['alloc from above', (tree) => tree.allocRangeReverse(1, 3, 0, 21), 7],
    ['erase of nothing', (tree) => tree.erase(5), 0],
  ])('%s', (_name, call, answer) => {
    const tree = trees()
    tree.storeRange(10, 19, 5)
    expect(call(tree)).toBe(answer)
    checkTree(tree)
  })

  test('a tree without gaps does not search', () => {
    const tree = new MapleTree(testStore(), false)
    expect(tree.area(0, 9, 1)).toBe(EINVAL)
  })

  test('an empty tree: areas at the bounds, no node', () => {
    const tree = trees()
    expect([tree.area(3, 9, 2), tree.areaReverse(3, 9, 2), tree.root]).toEqual([3, 8, 0])
    expect(tree.storeRange(3, 9, 0)).toBe(0)
    expect(tree.root).toBe(0)
  })

  test('no memory: ENOMEM, and nothing changed', () => {
    const tree = new MapleTree(testStore(4 * 4096), true)
    const model = new NaiveMap()
    let result = 0
    for (let index = 0; result === 0; index++) {
      result = tree.storeRange(2 * index, 2 * index, 1)
      if (result === 0) model.store(2 * index, 2 * index, 1)
    }
    expect(result).toBe(ENOMEM)
    compare(model, tree)
  })

  test('a second handle onto the same memory sees the same tree', () => {
    const store = testStore()
    const cell = store.cell()
    const tree = new MapleTree(store, true, cell)
    tree.storeRange(1, 5, 3)
    expect([...new MapleTree(store, true, cell).entries()]).toEqual([[1, 5, 3]])
  })
})
