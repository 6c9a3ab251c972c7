/** Where pages go: the vectors of spec/ranges.md part 5, for both policies, and the quirks of 2.4 to 2.8. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Kernel } from '../memalloc/kernel.ts'
import { alloc, BASE, closeTestKernels, makeArena, PAGE, runScript, testKernel } from './fixture.ts'
import type { Placement } from './ranges.ts'

afterEach(closeTestKernels)

const singles = (count: number): string => Array.from({ length: count }, (_, page) => `alloc 0 1 = ${page}`).join('\n')

interface Vector {
  readonly name: string
  readonly pages: number
  readonly placement: Placement
  readonly script: string
}

const R1 = 'alloc 0 1 = 0\nalloc 0 2 = 1\nalloc 0 3 = 3\nalloc 0 1 = 6\nalloc p50 4 = 50\nalloc p50 4 = NULL'
const R2_FREE_UP = 'free p10 1\nfree p20 1\nfree p30 1\nfree p40 1\n'
const R2_FREE_MIXED = 'free p40 1\nfree p10 1\nfree p30 1\nfree p20 1\n'
const R3_FREE = 'free p5 2\nfree p50 3\nfree p20 2\n'
const R8 = 'alloc p4 2 = 4\n'

const pages = (...numbers: number[]): string => numbers.map((page) => `alloc 0 1 = ${page}`).join('\n')

const VECTORS: readonly Vector[] = [
  {
    name: 'R1',
    pages: 100,
    placement: 'best-fit',
    script: `${R1}\nalloc 0 10 = 7\nalloc 0 45 = 54\nalloc 0 1 = 99`,
  },
  {
    name: 'R1',
    pages: 100,
    placement: 'first-fit',
    script: `${R1}\nalloc 0 10 = 7\nalloc 0 45 = 54\nalloc 0 1 = 17`,
  },
  {
    name: 'R2, R3',
    pages: 64,
    placement: 'best-fit',
    script: `${singles(64)}\nalloc 0 1 = NULL\n${R2_FREE_UP}${pages(40, 30, 20, 10)}\nalloc 0 1 = NULL
      ${R2_FREE_MIXED}${pages(20, 30, 10, 40)}
      ${R3_FREE}alloc 0 2 = 20\n${pages(5, 6, 50, 51, 52)}\nalloc 0 1 = NULL`,
  },
  {
    name: 'R2, R3',
    pages: 64,
    placement: 'first-fit',
    script: `${singles(64)}\nalloc 0 1 = NULL\n${R2_FREE_UP}${pages(10, 20, 30, 40)}\nalloc 0 1 = NULL
      ${R2_FREE_MIXED}${pages(10, 20, 30, 40)}
      ${R3_FREE}alloc 0 2 = 5\n${pages(20, 21, 50, 51, 52)}\nalloc 0 1 = NULL`,
  },
  {
    name: 'R5: a user touch is an allocation of that page',
    pages: 16,
    placement: 'best-fit',
    script: `touch p0\ntouch p5\n${pages(1, 2, 3)}\nalloc 0 4 = 6`,
  },
  {
    name: 'R5: a user touch is an allocation of that page',
    pages: 16,
    placement: 'first-fit',
    script: `touch p0\ntouch p5\n${pages(1, 2, 3, 4)}\nalloc 0 4 = 6`,
  },
  {
    name: 'R7: freeing twice',
    pages: 16,
    placement: 'best-fit',
    script: `alloc 0 4 = 0\nfree p0 2\nfree p0 2\n${pages(0, 1, 4)}`,
  },
  {
    name: 'R7: freeing twice',
    pages: 16,
    placement: 'first-fit',
    script: `alloc 0 4 = 0\nfree p0 2\nfree p0 2\n${pages(0, 1, 4)}`,
  },
  { name: 'R8', pages: 10, placement: 'best-fit', script: `${R8}alloc 0 1 = 6\nalloc 0 3 = 7\nalloc 0 4 = 0` },
  { name: 'R8', pages: 10, placement: 'first-fit', script: `${R8}alloc 0 1 = 0\nalloc 0 3 = 1\nalloc 0 4 = 6` },
]

describe.each(VECTORS)('$placement: $name', ({ pages, placement, script }) => {
  test.each([
    ['at a multiple of 4 GiB', BASE],
    ['elsewhere', BASE + 0x12345000n],
  ])('window %s', (_where, extra) => {
    runScript(makeArena({ maxEntries: pages, extra }, { placement }), script)
  })
})

describe('window and max_entries (R6)', () => {
  test('a window larger than max_entries', () => {
    const arena = makeArena({ maxEntries: 8, extra: 0n })
    arena.mmap({ length: 16 * 4096 })
    runScript(arena, `${singles(8)}\nalloc 0 1 = NULL\nalloc p12 1 = NULL\nfree p10 4\nalloc 0 4 = 10`)
  })

  test('a window smaller than max_entries', () => {
    const arena = makeArena({ maxEntries: 16, extra: 0n })
    const mapping = arena.mmap({ length: 4 * 4096 })
    runScript(arena, 'alloc 0 5 = NULL\nalloc p4 1 = NULL\nalloc p3 2 = NULL')
    runScript(arena, `${singles(16)}\nalloc 0 1 = NULL`)
    expect(() => mapping.u8(mapping.start + 4n * PAGE)).toThrow(/outside of the mapping/)
  })

  test('first fit looks in the window alone', () => {
    const arena = makeArena({ maxEntries: 8, extra: 0n }, { placement: 'first-fit' })
    arena.mmap({ length: 16 * 4096 })
    runScript(arena, `${singles(12)}\nalloc p12 1 = 12\nalloc 0 4 = NULL\nalloc 0 3 = 13`)
  })

  test('no window, no pages', () => {
    expect(alloc(makeArena({ extra: 0n }), 0n, 1)).toBeUndefined()
  })
})

describe('what tells the eras apart', () => {
  test('a fault on a reserved page: best fit allocates, first fit refuses', () => {
    for (const placement of ['best-fit', 'first-fit'] as const) {
      const arena = makeArena({}, { placement })
      runScript(arena, 'reserve p4 2 = 0')
      const touch = (): number => arena.mmap().u8(BASE + 4n * PAGE)
      if (placement === 'best-fit') expect(touch()).toBe(0)
      else expect(touch).toThrow(/segmentation fault/)
      arena.check()
    }
  })
})

describe('memory limit', () => {
  // 256 pages of page table, a few of nodes.
  const kernel = (): Kernel => testKernel((256 + 20 + 50) * 4096)

  test.each(['best-fit', 'first-fit'] as const)('%s: beyond it NULL, and nothing changes', (placement) => {
    const arena = makeArena({ maxEntries: 100 }, { kernel: kernel(), placement })
    const before = [...arena.freeRanges()]
    expect(alloc(arena, 0n, 90)).toBeUndefined()
    expect([...arena.freeRanges()]).toEqual(before)
    runScript(arena, 'alloc 0 40 = 0\nalloc 0 40 = NULL\nfree p0 40\nalloc 0 40 = 0')
    expect(arena.residentPages()).toBe(40)
  })

  test('a user touch beyond it is a segmentation fault, and the page stays free', () => {
    const arena = makeArena({ maxEntries: 100 }, { kernel: kernel() })
    const mapping = arena.mmap()
    let touched = 0
    expect(() => {
      for (; touched < 100; touched++) mapping.u8(BASE + BigInt(touched) * PAGE)
    }).toThrow(/no page to be had/)
    expect(touched).toBeGreaterThanOrEqual(40)
    expect(touched).toBeLessThan(100)
    expect([...arena.freeRanges()]).toEqual([[touched, 99]])
  })

  test('none left for the arena itself: ENOMEM, and all that was taken is given back', () => {
    const small = testKernel(100 * 4096)
    expect(() => makeArena({}, { kernel: small })).toThrow(/ENOMEM/)
    expect(small.pages.statistics().used).toBe(0)
  })
})
