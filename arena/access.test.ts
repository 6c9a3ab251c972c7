/**
 * Kernel-side access as Linux 6.18 showed it: spec/arena-edge-cases.md (a), (b), (h). The engines' own tests run these,
 * and (c), as programs.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { resolve } from './access.ts'
import type { Arena } from './arena.ts'
import { alloc, BASE, closeTestKernels, load, makeArena, PAGE, runScript, store } from './fixture.ts'

afterEach(closeTestKernels)

const AAS = 0xaaaaaaaan

describe('(a) absent pages', () => {
  test.each([1, 2, 4, 8])('a load of %i bytes gives 0', (size) => {
    expect(load(makeArena(), 0x1000, 0, size)).toBe(0n)
  })

  test.each([1, 2, 4, 8])('a store of %i bytes is dropped, and the page stays absent', (size) => {
    const arena = makeArena()
    store(arena, 0x2000, 0, size, -1n)
    expect(load(arena, 0x2000, 0, 8)).toBe(0n)
    runScript(arena, 'alloc p2 1 = 2')
    expect(load(arena, 0x2000, 0, 8)).toBe(0n)
  })

  test('use after free gives 0, also after allocating again', () => {
    const arena = makeArena()
    runScript(arena, 'alloc p2 1 = 2')
    store(arena, 0x2000, 8, 4, 5n)
    runScript(arena, 'free p2 1')
    expect(load(arena, 0x2008, 0, 4)).toBe(0n)
    runScript(arena, 'alloc p2 1 = 2')
    expect(load(arena, 0x2008, 0, 4)).toBe(0n)
  })
})

describe('(b) straddling a present and an absent page', () => {
  /** Page 2 present and full of 0xaa. */
  const makeStraddle = (): Arena => {
    const arena = makeArena()
    runScript(arena, 'alloc p2 1 = 2')
    arena.memory.u8.fill(0xaa, 0x2000, 0x3000)
    return arena
  }

  test.each([
    [0x2ffe, 4],
    [0x2fff, 2],
    [0x1ffe, 4],
    [0x2ffc, 8],
    [0x1ffc, 8],
  ])('a load at %i of %i bytes gives 0', (at, size) => {
    expect(load(makeStraddle(), at, 0, size)).toBe(0n)
  })

  test.each([
    [0x2ffc, 8],
    [0x1ffc, 8],
    [0x2ffe, 4],
    [0x2fff, 2],
  ])('a store at %i of %i bytes changes nothing', (at, size) => {
    const arena = makeStraddle()
    store(arena, at, 0, size, 0n)
    expect([load(arena, 0x2000, 0, 4), load(arena, 0x2ffc, 0, 4)]).toEqual([AAS, AAS])
  })

  test('two present pages: as if there were no boundary', () => {
    const arena = makeStraddle()
    runScript(arena, 'alloc p3 1 = 3')
    expect(load(arena, 0x2ffc, 0, 8)).toBe(AAS)
    expect(load(arena, 0x3000, 0, 4)).toBe(0n)
    store(arena, 0x2ffc, 0, 8, 0x1122334455667788n)
    expect(load(arena, 0x2ffc, 0, 8)).toBe(0x1122334455667788n)
  })
})

describe('(h) ends of the window', () => {
  const LAST = 0xfffff000
  /** 4 GiB; the first page holds 0x1111, the last 8 bytes 0xeeee. */
  const makeWhole = (): Arena => {
    const arena = makeArena({ maxEntries: 2 ** 20 })
    expect(alloc(arena, BASE + 0xfffff000n, 1)).toBe(BASE + 0xfffff000n)
    expect(alloc(arena, BASE, 1)).toBe(BASE)
    expect(alloc(arena, BASE + (1n << 32n), 1)).toBeUndefined()
    store(arena, 0, 0, 8, 0x1111n)
    store(arena, LAST, 4088, 8, 0xeeeen)
    return arena
  }

  test.each([
    ['last 8 bytes', LAST, 4088, 0xeeeen],
    ['the same, base negative', LAST | 0, 4088, 0xeeeen],
    ['straddling the end of 4 GiB', LAST, 4092, 0n],
    ['first byte past 4 GiB', LAST, 4096, 0n],
    ['the largest offset', 0xffffffff, 32767, 0n],
    ['just below 0', 0, -8, 0n],
    ['straddling 0', 4, -8, 0n],
    ['the smallest offset', 0, -32768, 0n],
    ['back to 0', 8, -8, 0x1111n],
    ['low half 0', 0, 0, 0x1111n],
    ['low half 0xfffffff8', 0xfffffff8, 0, 0xeeeen],
  ])('%s', (_name, base, offset, value) => {
    const arena = makeWhole()
    expect(load(arena, base, offset, 8)).toBe(value)
    if (value !== 0n) return
    store(arena, base, offset, 8, -1n)
    expect([load(arena, 0, 0, 8), load(arena, 0xfffffff8, 0, 8)]).toEqual([0x1111n, 0xeeeen])
  })
})

describe('the page table byte', () => {
  test('7 at the base: all accesses at |offset| + size <= 4096 are present; else some is not', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(9), { maxLength: 10 }),
        fc.nat(10 * 4096 - 1),
        fc.integer({ min: -4096, max: 4096 }),
        fc.constantFrom(1, 2, 4, 8),
        (pages, base, offset, size) => {
          const arena = makeArena()
          for (const page of pages) alloc(arena, BASE + BigInt(page) * PAGE, 1)
          const all = arena.table.bytes[arena.table.base + (base >>> 12)] === 7
          if (all && Math.abs(offset) + size <= 4096) expect(resolve(arena, base, offset, size)).toBe(base + offset)
          const touched = [base + offset, base + offset + size - 1]
          const present = touched.every((at) => at >= 0 && pages.includes(Math.floor(at / 4096)))
          expect(resolve(arena, base, offset, size)).toBe(present ? base + offset : -1)
          closeTestKernels()
        },
      ),
      { numRuns: process.env.HARENA_LONG === undefined ? 300 : 3000 },
    )
  })
})
