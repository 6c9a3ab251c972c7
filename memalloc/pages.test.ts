import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InternalError } from '../errors/errors.ts'
import { hookedSteps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { closeKernel, type Kernel, makeKernel } from './kernel.ts'
import { checkPages } from './page-invariants.ts'
import { descriptor, FIRST_PAGE, MAX_ORDER, PAGES, STATE } from './page-layout.ts'
import { PageAllocator, PageOwner } from './pages.ts'

const RUNS: number = process.env.HARENA_LONG ? 400 : 60
const { MAP, STACK, ARENA, OTHER } = PageOwner
const START: number = FIRST_PAGE * PAGE_SIZE

let kernel: Kernel
let pages: PageAllocator
beforeEach(() => {
  kernel = makeKernel()
  pages = kernel.pages
})
afterEach(() => closeKernel(kernel))

describe('placement', () => {
  test('low addresses go first; page 0 and the tables are never handed out', () => {
    expect([pages.alloc(0, STACK), pages.alloc(0, STACK), pages.alloc(2, MAP)]).toEqual([
      START,
      START + PAGE_SIZE,
      START + 4 * PAGE_SIZE,
    ])
    expect(START).toBeGreaterThanOrEqual(descriptor(PAGES))
    checkPages(kernel.memory)
  })

  test.each([0, 1, 9, 10, 11, 14, 16])('a block of order %i is aligned to its size', (order) => {
    pages.alloc(0, STACK)
    const offset = pages.alloc(order, MAP)
    expect(offset % (PAGE_SIZE * 2 ** order)).toBe(0)
    expect(pages.isAllocated(offset, PAGE_SIZE * 2 ** order)).toBe(true)
    checkPages(kernel.memory)
  })

  test.each([
    ['1 page', 1, 1, 1],
    ['3 pages, then 1 in the rest of their block', 3, 1, 3],
    ['5 pages, then 3, which are aligned to 4', 5, 3, 8],
    ['1023 pages, then 1 in the rest of their block', 1023, 1, 1023],
    ['1025 pages, then 1 in the rest of their block', 1025, 1, 1025],
  ])('%s: just those are used', (_, count, then, distance) => {
    const offset = pages.allocPages(count, MAP)
    expect(pages.statistics().used).toBe(count)
    expect(pages.isAllocated(offset, count * PAGE_SIZE)).toBe(true)
    expect(pages.isAllocated(offset, count * PAGE_SIZE + 1)).toBe(false)
    expect(pages.allocPages(then, STACK) - offset).toBe(distance * PAGE_SIZE)
    pages.freePages(offset, count)
    checkPages(kernel.memory)
  })

  test('bytes are rounded up to pages', () => {
    const offset = pages.allocBytes(PAGE_SIZE + 1, MAP)
    expect(pages.statistics().byOwner).toEqual({ MAP: 2 })
    pages.freeBytes(offset, PAGE_SIZE + 1)
    expect(pages.statistics()).toMatchObject({ used: 0, byOwner: {} })
  })

  test('a second handle over the same memory sees the same allocator', () => {
    const other = new PageAllocator(kernel.memory, kernel.steps)
    const offset = pages.alloc(3, MAP)
    expect(other.alloc(3, MAP)).toBe(offset + 8 * PAGE_SIZE)
    other.free(offset)
    expect(pages.alloc(3, MAP)).toBe(offset)
  })
})

describe('the end of memory', () => {
  test('every page is handed out once, then none', () => {
    let got = 0
    for (let order = MAX_ORDER; order >= 0; order--) {
      for (let offset = pages.alloc(order, OTHER); offset !== 0; offset = pages.alloc(order, OTHER)) got += 2 ** order
    }
    expect(got).toBe(PAGES - FIRST_PAGE)
    expect(pages.statistics().used).toBe(got)
    expect(pages.statistics().freeBlocks.every((count) => count === 0)).toBe(true)
    expect(checkPages(kernel.memory).every((block) => !block.free)).toBe(true)
  })

  test.each([
    ['more than the largest block', 2 ** MAX_ORDER + 1],
    ['no pages', 0],
    ['less than none', -1],
    ['not a number', Number.NaN],
    ['more than 32 bits count', 2 ** 32 + 1],
    ['infinitely many', Infinity],
  ])('%s: none', (_, count) => {
    expect(pages.allocPages(count, MAP)).toBe(0)
    expect(pages.statistics().used).toBe(0)
  })
})

describe('the limit', () => {
  test('counts pages handed out and pages charged', () => {
    pages.setLimit(10 * PAGE_SIZE + 4095)
    expect(pages.statistics().limit).toBe(10)
    const offset = pages.allocPages(6, MAP)
    expect(pages.charge(5, ARENA)).toBe(false)
    expect(pages.charge(4, ARENA)).toBe(true)
    expect(pages.alloc(0, STACK)).toBe(0)
    expect(pages.statistics()).toMatchObject({ used: 10, byOwner: { MAP: 6, ARENA: 4 } })
    pages.freePages(offset, 6)
    expect(pages.allocPages(7, STACK)).toBe(0)
    pages.uncharge(4, ARENA)
    expect(pages.allocPages(7, STACK)).not.toBe(0)
  })

  test('one of less than a page is a page, not none', () => {
    pages.setLimit(1)
    expect(pages.statistics().limit).toBe(1)
    expect(pages.allocPages(2, MAP)).toBe(0)
    expect(pages.alloc(0, MAP)).not.toBe(0)
  })

  test('taking back more than was charged is our mistake', () => {
    pages.charge(2, ARENA)
    expect(() => pages.uncharge(3, ARENA)).toThrow(InternalError)
  })
})

function freeTwice(offset: number): void {
  pages.free(offset)
  pages.free(offset)
}

describe('wrong frees', () => {
  test.each<[string, (offset: number) => void, RegExp]>([
    ['twice', freeTwice, /freed 0x[0-9a-f]+, (which is free already|where no block)/],
    ['inside a block', (at) => pages.free(at + PAGE_SIZE), /where no block in use starts/],
    ['not a page', (at) => pages.free(at + 8), /no page of the allocator/],
    ['null', () => pages.free(0), /no page of the allocator/],
    ['the tables', () => pages.free(descriptor(0)), /no page of the allocator/],
    ['beyond the memory', () => pages.free(2 ** 32), /no page of the allocator/],
    ['never handed out', (at) => pages.free(at + 2 ** 30), /where no block in use starts/],
    ['too few pages', (at) => pages.freePages(at, 3), /part of a block/],
    ['too many pages', (at) => pages.freePages(at, 5), /freed/],
  ])('%s', (_, wrong, message) => {
    const offset = pages.alloc(2, MAP)
    expect(() => wrong(offset)).toThrow(InternalError)
    const again = pages.alloc(2, MAP)
    expect(() => wrong(again)).toThrow(message)
  })
})

describe('isAllocated', () => {
  test('spans several blocks, not holes', () => {
    const [a, b, c] = [pages.alloc(0, STACK), pages.alloc(0, STACK), pages.alloc(0, STACK)]
    expect(pages.isAllocated(a, 3 * PAGE_SIZE)).toBe(true)
    expect(pages.isAllocated(a + 100)).toBe(true)
    pages.free(b)
    expect(pages.isAllocated(a, 3 * PAGE_SIZE)).toBe(false)
    expect(pages.isAllocated(b)).toBe(false)
    expect(pages.isAllocated(c + PAGE_SIZE - 8, 8)).toBe(true)
    expect(pages.isAllocated(c + PAGE_SIZE - 8, 9)).toBe(false)
    for (const at of [0, PAGE_SIZE, descriptor(0), 2 ** 32 - 8]) expect(pages.isAllocated(at, 8)).toBe(false)
    expect(pages.isAllocated(2 ** 32 - 4, 8)).toBe(false)
  })
})

test('the invariant check finds what it is for', () => {
  const offset = pages.alloc(0, MAP)
  pages.free(offset)
  checkPages(kernel.memory)
  kernel.memory.u8[offset + 7] = 1
  expect(() => checkPages(kernel.memory)).toThrow(/is free, and not zero/)
  kernel.memory.u8[offset + 7] = 0
  const state = descriptor(offset / PAGE_SIZE) + STATE
  const before = kernel.memory.u8[state]!
  kernel.memory.u8[state] = 0
  expect(() => checkPages(kernel.memory)).toThrow(/begins no block/)
  kernel.memory.u8[state] = before
  kernel.memory.u8[descriptor(offset / PAGE_SIZE + 5)] = 1
  expect(() => checkPages(kernel.memory)).toThrow(/has another block inside/)
  kernel.memory.u8[descriptor(offset / PAGE_SIZE + 5)] = 0
})

/** What the allocator should be: a set of blocks that do not meet. */
class Model {
  readonly live: { offset: number; count: number; owner: PageOwner; mark: number }[] = []
  charged = 0
  limit = Infinity

  get used(): number {
    return this.charged + this.live.reduce((sum, block) => sum + block.count, 0)
  }
}

type PageCommand = fc.Command<Model, Kernel>

class Alloc implements PageCommand {
  readonly count: number
  readonly owner: PageOwner
  readonly mark: number
  constructor(count: number, owner: PageOwner, mark: number) {
    this.count = count
    this.owner = owner
    this.mark = mark
  }
  check(): boolean {
    return true
  }
  run(model: Model, real: Kernel): void {
    const offset = real.pages.allocPages(this.count, this.owner)
    if (model.used + this.count > model.limit) {
      expect(offset).toBe(0)
      return
    }
    const end = offset + this.count * PAGE_SIZE
    expect(offset).toBeGreaterThanOrEqual(START)
    for (const block of model.live) {
      expect(offset >= block.offset + block.count * PAGE_SIZE || end <= block.offset).toBe(true)
    }
    const words = real.memory.i32.subarray(offset / 4, end / 4)
    expect(words.every((word) => word === 0)).toBe(true)
    words.fill(this.mark)
    model.live.push({ offset, count: this.count, owner: this.owner, mark: this.mark })
  }
  toString(): string {
    return `allocPages(${this.count}, ${this.owner})`
  }
}

class Free implements PageCommand {
  readonly pick: number
  constructor(pick: number) {
    this.pick = pick
  }
  check(model: Readonly<Model>): boolean {
    return model.live.length > 0
  }
  run(model: Model, real: Kernel): void {
    const [block] = model.live.splice(this.pick % model.live.length, 1)
    const { offset, count, mark } = block!
    const words = real.memory.i32.subarray(offset / 4, offset / 4 + (count * PAGE_SIZE) / 4)
    expect(words.every((word) => word === mark)).toBe(true)
    real.pages.freePages(offset, count)
  }
  toString(): string {
    return `free #${this.pick}`
  }
}

class Charge implements PageCommand {
  readonly count: number
  constructor(count: number) {
    this.count = count
  }
  check(): boolean {
    return true
  }
  run(model: Model, real: Kernel): void {
    const fits = model.used + this.count <= model.limit
    expect(real.pages.charge(this.count, ARENA)).toBe(fits)
    if (fits) model.charged += this.count
  }
  toString(): string {
    return `charge ${this.count}`
  }
}

class Limit implements PageCommand {
  readonly count: number
  constructor(count: number) {
    this.count = count
  }
  check(): boolean {
    return true
  }
  run(model: Model, real: Kernel): void {
    model.limit = this.count
    real.pages.setLimit(this.count * PAGE_SIZE)
  }
  toString(): string {
    return `setLimit(${this.count})`
  }
}

/** Structure, statistics and the model agree. */
class Checked implements PageCommand {
  readonly inner: PageCommand
  constructor(inner: PageCommand) {
    this.inner = inner
  }
  check(model: Readonly<Model>): boolean {
    return this.inner.check(model)
  }
  run(model: Model, real: Kernel): void {
    this.inner.run(model, real)
    const blocks = checkPages(real.memory)
    const used = blocks.filter((block) => !block.free)
    const pagesOf = (owner: number): number =>
      used.filter((block) => block.owner === owner).reduce((sum, block) => sum + 2 ** block.order, 0)
    for (const owner of [STACK, MAP, OTHER]) {
      const expected = model.live.filter((block) => block.owner === owner).reduce((sum, { count }) => sum + count, 0)
      expect(pagesOf(owner)).toBe(expected)
    }
    const statistics = real.pages.statistics()
    expect(statistics.used).toBe(model.used)
    expect(statistics.freeBlocks.reduce((sum, count) => sum + count, 0)).toBe(blocks.length - used.length)
  }
  toString(): string {
    return String(this.inner)
  }
}

const commands = fc.commands(
  [
    fc
      .record({
        count: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3000 })),
        owner: fc.constantFrom(STACK, MAP, OTHER),
        mark: fc.integer({ min: 1 }),
      })
      .map(({ count, owner, mark }) => new Checked(new Alloc(count, owner, mark))),
    fc.nat().map((pick) => new Checked(new Free(pick))),
    fc.nat(500).map((count) => new Checked(new Charge(count))),
    fc.integer({ min: 1, max: 9000 }).map((count) => new Checked(new Limit(count))),
  ],
  { maxCommands: 60 },
)

describe('against a model', () => {
  test('random operations; then everything is back, merged, and the memory is zero', () => {
    fc.assert(
      fc.property(commands, (sequence) => {
        const real = makeKernel()
        const model = new Model()
        fc.modelRun(() => ({ model, real }), sequence)
        for (const { offset, count } of model.live) real.pages.freePages(offset, count)
        real.pages.uncharge(model.charged, ARENA)
        expect(real.pages.statistics()).toMatchObject({ used: 0, byOwner: {} })
        const blocks = checkPages(real.memory)
        expect(blocks.every((block) => block.free)).toBe(true)
        const { memory } = real
        const end = blocks.reduce((sum, block) => sum + 2 ** block.order, FIRST_PAGE)
        closeKernel(real)
        expect(firstWritten(memory.i32.subarray(0, descriptor(end) / 4))).toBe(-1)
      }),
      { numRuns: RUNS },
    )
  })

  test('closing with blocks in use leaves zero as well', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 12 }), (counts) => {
        const real = makeKernel()
        const { memory } = real
        let end = START
        for (const count of counts) {
          const offset = real.pages.allocPages(count, MAP)
          end = Math.max(end, offset + count * PAGE_SIZE)
          memory.u8.fill(0xff, offset, offset + count * PAGE_SIZE)
        }
        closeKernel(real)
        expect(firstWritten(memory.i32.subarray(0, end / 4))).toBe(-1)
      }),
      { numRuns: RUNS / 5 },
    )
  })
})

/** Index of the first word that is not zero, or -1. */
function firstWritten(words: Int32Array): number {
  for (let index = 0; index < words.length; index++) if (words[index] !== 0) return index
  return -1
}

test('shared state is touched by steps alone', () => {
  const sizes = [1, 5, 2, 1030, 7, 1, 64]
  const trace = (real: Kernel): number[] => {
    const got = sizes.map((count) => real.pages.allocPages(count, MAP))
    for (const index of [3, 0, 5, 1]) real.pages.freePages(got[index]!, sizes[index]!)
    return [...got, real.pages.alloc(1, STACK), real.pages.alloc(9, STACK)]
  }
  // A shadow that only learns of steps must end up the same as the memory.
  const shadow = new Map<number, number>()
  const hooked = makeKernel({
    makeSteps: (memory) => {
      let pending: readonly [number, number] | undefined
      const settle = (): void => {
        if (pending === undefined) return
        for (let at = pending[0]; at < pending[0] + pending[1]; at++) shadow.set(at, memory.u8[at]!)
        pending = undefined
      }
      return hookedSteps(memory, (kind, at, width) => {
        settle()
        if (kind !== 'load') pending = [at, width / 8]
      })
    },
  })
  expect(trace(hooked)).toEqual(trace(kernel))
  // One more step, so that the last one has been seen.
  hooked.pages.statistics()
  for (const [from, to] of hooked.pages.touched()) {
    if (from >= START) continue
    for (let at = from; at < to; at++) expect(hooked.memory.u8[at]).toBe(shadow.get(at) ?? 0)
  }
  closeKernel(hooked)
})
