/** Kernel-side access as Linux 6.18 showed it: spec/arena-edge-cases.md (a), (b), (c), (h). */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { Atomic, type AtomicOperands, atomic, load, load64, loadAcquire, resolve, store } from './access.ts'
import type { Arena } from './arena.ts'
import { alloc, BASE, closeTestKernels, makeArena, PAGE, runScript } from './fixture.ts'

afterEach(closeTestKernels)

const FIVES = 0x55555555
const AAS = 0xaaaaaaaa

function load8(arena: Arena, base: number, offset = 0): bigint {
  const out = new Int32Array([FIVES, FIVES])
  load64(arena, base, offset, out, 0)
  return (BigInt(out[1]! >>> 0) << 32n) | BigInt(out[0]! >>> 0)
}

describe('(a) absent pages', () => {
  test.each([1, 2, 4])('a load of %i bytes gives 0', (size) => {
    expect(load(makeArena(), 0x1000, 0, size)).toBe(0)
  })

  test('a load of 8 bytes gives 0 in both halves', () => {
    expect(load8(makeArena(), 0x1000)).toBe(0n)
  })

  test.each([1, 2, 4, 8])('a store of %i bytes is dropped, and the page stays absent', (size) => {
    const arena = makeArena()
    store(arena, 0x2000, 0, size, -1, -1)
    expect(load8(arena, 0x2000)).toBe(0n)
    runScript(arena, 'alloc p2 1 = 2')
    expect(load8(arena, 0x2000)).toBe(0n)
  })

  test('use after free gives 0, also after allocating again', () => {
    const arena = makeArena()
    runScript(arena, 'alloc p2 1 = 2')
    store(arena, 0x2000, 8, 4, 5, 0)
    runScript(arena, 'free p2 1')
    expect(load(arena, 0x2008, 0, 4)).toBe(0)
    runScript(arena, 'alloc p2 1 = 2')
    expect(load(arena, 0x2008, 0, 4)).toBe(0)
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
  ])('a load at %i of %i bytes gives 0', (at, size) => {
    expect(load(makeStraddle(), at, 0, size)).toBe(0)
  })

  test.each([0x2ffc, 0x1ffc])('a load of 8 bytes at %i gives 0', (at) => {
    expect(load8(makeStraddle(), at)).toBe(0n)
  })

  test.each([
    [0x2ffc, 8],
    [0x1ffc, 8],
    [0x2ffe, 4],
    [0x2fff, 2],
  ])('a store at %i of %i bytes changes nothing', (at, size) => {
    const arena = makeStraddle()
    store(arena, at, 0, size, 0, 0)
    expect([load(arena, 0x2000, 0, 4), load(arena, 0x2ffc, 0, 4)]).toEqual([AAS, AAS])
  })

  test('two present pages: as if there were no boundary', () => {
    const arena = makeStraddle()
    runScript(arena, 'alloc p3 1 = 3')
    expect(load8(arena, 0x2ffc)).toBe(BigInt(AAS))
    expect(load(arena, 0x3000, 0, 4)).toBe(0)
    store(arena, 0x2ffc, 0, 8, 0x55667788, 0x11223344)
    expect(load8(arena, 0x2ffc)).toBe(0x1122334455667788n)
  })
})

describe('(c) atomics', () => {
  const operands = (): AtomicOperands => ({
    low: 7,
    high: 0,
    expectedLow: 0x10,
    expectedHigh: 0,
    oldLow: FIVES,
    oldHigh: FIVES,
  })
  /** Page 1 present and holding 0x10, page 2 absent. */
  const makePair = (): Arena => {
    const arena = makeArena()
    runScript(arena, 'alloc p1 1 = 1')
    store(arena, 0x1000, 0, 8, 0x10, 0)
    return arena
  }

  const ATOMICS: readonly (readonly [name: string, op: Atomic, size: 4 | 8, memory: bigint])[] = [
    ['add64', Atomic.ADD, 8, 0x17n],
    ['add32', Atomic.ADD, 4, 0x17n],
    ['or64', Atomic.OR, 8, 0x17n],
    ['and64', Atomic.AND, 8, 0n],
    ['xor64', Atomic.XOR, 8, 0x17n],
    ['xchg64', Atomic.EXCHANGE, 8, 7n],
    ['xchg32', Atomic.EXCHANGE, 4, 7n],
    ['cmpxchg64', Atomic.COMPARE_EXCHANGE, 8, 7n],
    ['cmpxchg32', Atomic.COMPARE_EXCHANGE, 4, 7n],
  ]

  test.each(ATOMICS)('%s on an absent page is skipped', (_name, op, size) => {
    const arena = makePair()
    const registers = operands()
    expect(atomic(arena, op, 0x2000, 0, size, registers)).toBe(false)
    expect(registers).toEqual(operands())
    expect(arena.table.has(2)).toBe(false)
  })

  test.each(ATOMICS)('%s on a present page', (_name, op, size, memory) => {
    const arena = makePair()
    const registers = operands()
    expect(atomic(arena, op, 0x1000, 0, size, registers)).toBe(true)
    expect([registers.oldLow, registers.oldHigh]).toEqual([0x10, 0])
    expect(load8(arena, 0x1000)).toBe(memory)
  })

  test('a compare that fails stores nothing', () => {
    const arena = makePair()
    for (const size of [4, 8] as const) {
      expect(atomic(arena, Atomic.COMPARE_EXCHANGE, 0x1000, 0, size, { ...operands(), expectedLow: 0x11 })).toBe(true)
      expect(load8(arena, 0x1000)).toBe(0x10n)
    }
    // 32 bits look at no upper half, 64 bits do.
    const upper = { ...operands(), expectedHigh: 1 }
    atomic(arena, Atomic.COMPARE_EXCHANGE, 0x1000, 0, 8, upper)
    expect(load8(arena, 0x1000)).toBe(0x10n)
    atomic(arena, Atomic.COMPARE_EXCHANGE, 0x1000, 0, 4, upper)
    expect(load8(arena, 0x1000)).toBe(7n)
  })

  test('64-bit addition carries; 32-bit does not', () => {
    const arena = makePair()
    store(arena, 0x1000, 0, 8, -1, 0)
    atomic(arena, Atomic.ADD, 0x1000, 0, 8, { ...operands(), low: 2, high: 5 })
    expect(load8(arena, 0x1000)).toBe(0x6_0000_0001n)
    store(arena, 0x1000, 0, 8, -1, 9)
    atomic(arena, Atomic.ADD, 0x1000, 0, 4, { ...operands(), low: 2 })
    expect(load8(arena, 0x1000)).toBe(0x9_0000_0001n)
  })

  test('unaligned works; straddling into an absent page is skipped whole', () => {
    const arena = makePair()
    const registers = operands()
    expect(atomic(arena, Atomic.ADD, 0x1003, 0, 8, registers)).toBe(true)
    expect([registers.oldLow, load8(arena, 0x1003)]).toEqual([0, 7n])
    expect(atomic(arena, Atomic.ADD, 0x1ffc, 0, 8, registers)).toBe(false)
    expect(load(arena, 0x1ffc, 0, 4)).toBe(0)
  })

  test.each([1, 2, 4, 8])('load-acquire of %i bytes: an absent page leaves the register', (size) => {
    const arena = makePair()
    const out = new Int32Array([FIVES, FIVES])
    expect(loadAcquire(arena, 0x2000, 0, size, out, 0)).toBe(false)
    expect([...out]).toEqual([FIVES, FIVES])
    expect(loadAcquire(arena, 0x1000, 0, size, out, 0)).toBe(true)
    expect([...out]).toEqual([0x10, 0])
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
    store(arena, 0, 0, 8, 0x1111, 0)
    store(arena, LAST, 4088, 8, 0xeeee, 0)
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
    expect(load8(arena, base, offset)).toBe(value)
    if (value !== 0n) return
    store(arena, base, offset, 8, -1, -1)
    expect([load8(arena, 0), load8(arena, 0xfffffff8)]).toEqual([0x1111n, 0xeeeen])
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
