/** mmap(2) of arenas as Linux 6.18 answered: spec/arena-edge-cases.md (k), spec/ranges.md 2.2, and own observations. */
import { afterEach, describe, expect, test } from 'vitest'
import type { ErrnoError } from '../errors/errors.ts'
import type { Arena } from './arena.ts'
import { BASE, closeTestKernels, makeArena, testKernel, testRandom } from './fixture.ts'
import type { ArenaMapping } from './mapping.ts'
import type { MapRequest } from './mmap.ts'
import { UserProcess } from './process.ts'

afterEach(closeTestKernels)

const LENGTH = 16 * 4096
const GIB4 = 1n << 32n

/** The address of a mapping, or the name of the error. */
function tryMap(arena: Arena, request: MapRequest): bigint | string {
  try {
    return arena.mmap(request).start
  } catch (error) {
    return (error as ErrnoError).errno
  }
}

function errnoOf(call: () => void): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as ErrnoError).errno
  }
}

const AT_BASE: MapRequest = { address: BASE, fixed: true, length: LENGTH }

describe('an arena with map_extra', () => {
  test.each<[string, MapRequest, bigint | string]>([
    ['MAP_FIXED at it', AT_BASE, BASE],
    ['as a hint', { ...AT_BASE, fixed: false }, BASE],
    ['MAP_FIXED_NOREPLACE', { ...AT_BASE, fixed: 'noreplace' }, BASE],
    ['64 KiB higher', { ...AT_BASE, address: BASE + 0x10000n }, 'EINVAL'],
    ['a hint elsewhere', { address: BASE + 0x10000n, length: LENGTH }, 'EINVAL'],
    ['NULL', { length: LENGTH }, 'EINVAL'],
    ['15 pages', { ...AT_BASE, length: 15 * 4096 }, 'EINVAL'],
    ['17 pages', { ...AT_BASE, length: 17 * 4096 }, 'E2BIG'],
    ['17 pages, private', { ...AT_BASE, length: 17 * 4096, shared: false }, 'E2BIG'],
    ['a byte less than 16 pages', { ...AT_BASE, length: LENGTH - 1 }, BASE],
    ['length 0', { ...AT_BASE, length: 0 }, 'EINVAL'],
    ['more than 4 GiB', { ...AT_BASE, length: GIB4 + 1n }, 'E2BIG'],
    ['more than 4 GiB at an offset', { ...AT_BASE, length: GIB4 + 1n, offset: 4096 }, 'EINVAL'],
    ['offset 1 page', { ...AT_BASE, offset: 4096 }, 'EINVAL'],
    ['offset 1 page, 15 pages', { ...AT_BASE, offset: 4096, length: 15 * 4096 }, 'EINVAL'],
    ['offset 1 byte', { ...AT_BASE, offset: 1 }, 'EINVAL'],
    ['private', { ...AT_BASE, shared: false }, 'EINVAL'],
    ['read-only', { ...AT_BASE, protection: 'r' }, BASE],
    ['no access', { ...AT_BASE, protection: 'none' }, BASE],
    ['executable', { ...AT_BASE, protection: 'rx' }, 'EPERM'],
    ['executable and private', { ...AT_BASE, protection: 'rwx', shared: false }, 'EPERM'],
  ])('%s', (_name, request, answer) => {
    expect(tryMap(makeArena(), request)).toBe(answer)
  })

  test('again: fixed replaces, a hint is busy, noreplace exists', () => {
    const arena = makeArena()
    const first = arena.mmap(AT_BASE)
    expect(tryMap(arena, { ...AT_BASE, fixed: false })).toBe('EBUSY')
    expect(tryMap(arena, { ...AT_BASE, fixed: 'noreplace' })).toBe('EEXIST')
    expect(first.unmapped).toBe(false)
    expect(tryMap(arena, AT_BASE)).toBe(BASE)
    expect(first.unmapped).toBe(true)
    expect([arena.mappings.size, arena.process.overlapping(BASE, 1n).length]).toEqual([1, 1])
  })

  test('after munmap the window stays', () => {
    const arena = makeArena()
    arena.mmap(AT_BASE).unmap()
    expect(tryMap(arena, { length: LENGTH })).toBe('EINVAL')
    expect(tryMap(arena, { ...AT_BASE, address: BASE + GIB4 })).toBe('EINVAL')
    expect(tryMap(arena, { ...AT_BASE, fixed: false })).toBe(BASE)
  })

  test.each<[string, bigint, boolean, bigint | string]>([
    ['above user space, fixed', 1n << 47n, true, 'ENOMEM'],
    ['above user space, hint', 1n << 47n, false, 'EBUSY'],
    ['at its end, fixed', (1n << 47n) - 17n * 4096n, true, (1n << 47n) - 17n * 4096n],
    ['a page too high', (1n << 47n) - 16n * 4096n, true, 'ENOMEM'],
    // As a hint Linux wants room for twice the length.
    ['at its end, hint', (1n << 47n) - 17n * 4096n, false, 'EBUSY'],
  ])('window %s', (_name, extra, fixed, answer) => {
    expect(tryMap(makeArena({ extra }), { address: extra, fixed, length: LENGTH })).toBe(answer)
  })
})

describe('an arena without map_extra', () => {
  const bare = (pages = 16, seed = 1): Arena =>
    makeArena({ extra: 0n, maxEntries: pages }, { random: testRandom(seed) })

  test.each<[string, MapRequest, bigint | string]>([
    ['MAP_FIXED', { address: 0x100003039000n, fixed: true }, 0x100003039000n],
    ['MAP_FIXED across 4 GiB is moved up', { address: 0x1000ffffe000n, fixed: true }, 0x100100000000n],
    ['a hint across 4 GiB, too', { address: 0x2000ffffe000n }, 0x200100000000n],
    ['MAP_FIXED, not page aligned', { address: 0x200000001123n, fixed: true }, 'EINVAL'],
    ['a hint, not page aligned', { address: 0x200000000123n }, 0x200000000000n],
    ['MAP_FIXED at 0', { address: 0n, fixed: true }, 'EPERM'],
    ['no 64-bit address', { address: 1n << 64n }, 'EINVAL'],
  ])('%s', (_name, request, answer) => {
    expect(tryMap(bare(), { length: LENGTH, ...request })).toBe(answer)
  })

  test('the first mapping decides, for all processes and for ever', () => {
    const arena = bare()
    const first = arena.mmap({ length: LENGTH })
    const other = new UserProcess('other')
    expect(arena.userStart).toBe(first.start)
    expect(tryMap(arena, { length: LENGTH })).toBe('EINVAL')
    expect(tryMap(arena, { length: LENGTH, process: other })).toBe('EINVAL')
    expect(tryMap(arena, { length: LENGTH, address: first.start, process: other })).toBe(first.start)
    first.unmap()
    expect(tryMap(arena, { length: LENGTH })).toBe('EINVAL')
    expect(tryMap(arena, { length: LENGTH, address: first.start + GIB4, fixed: true })).toBe('EINVAL')
    expect(tryMap(arena, { length: LENGTH, address: first.start })).toBe(first.start)
  })

  test.each([8, 16, 24])('of %i pages: its length is the only one from then on', (pages) => {
    const arena = bare()
    const { start } = arena.mmap({ length: pages * 4096 })
    const again = (length: number, request: MapRequest = {}): bigint | string =>
      tryMap(arena, { address: start, fixed: true, length: length * 4096, ...request })
    expect([again(pages - 1), again(pages), again(pages + 1)]).toEqual(['EINVAL', start, 'E2BIG'])
    // The length is looked at before the address.
    expect([again(pages + 1, { address: start + GIB4 }), again(pages, { fixed: false })]).toEqual(['E2BIG', 'EBUSY'])
    expect([again(pages + 1, { shared: false }), again(pages, { shared: false })]).toEqual(['E2BIG', 'EINVAL'])
    // Nothing of it shows in map_extra.
    expect(arena.spec.extra).toBe(0n)
  })

  test('MAP_FIXED_NOREPLACE across 4 GiB is moved up, too', () => {
    const request = { address: 0x3000ffffe000n, fixed: 'noreplace', length: LENGTH } as const
    expect(tryMap(bare(), request)).toBe(0x300100000000n)
  })

  test.each([1, 16, 1000, 2 ** 19, 2 ** 20 - 1, 2 ** 20])('a chosen place for %i pages', (pages) => {
    for (let seed = 0; seed < 20; seed++) {
      const { start } = bare(pages, seed).mmap({})
      const low = start % GIB4
      expect(start >> 44n).toBe(7n)
      expect(low === 0n).toBe(pages === 2 ** 20)
      expect(low + BigInt(pages) * 4096n).toBeLessThanOrEqual(GIB4)
    }
  })

  test('the place follows from the random numbers', () => {
    expect(bare(16, 5).mmap().start).toBe(bare(16, 5).mmap().start)
    expect(bare(16, 5).mmap().start).not.toBe(bare(16, 6).mmap().start)
  })

  test('a hint without room goes elsewhere', () => {
    const kernel = testKernel()
    const process = new UserProcess('one')
    const options = { kernel, process, random: testRandom() }
    const first = makeArena({}, options).mmap()
    const second = makeArena({ extra: 0n }, options).mmap({ address: BASE + 0x8000n })
    expect(second.start < first.end && first.start < second.end).toBe(false)
    // Room for once the length is not enough.
    const third = makeArena({ extra: 0n }, options).mmap({ address: BASE - 0x10000n })
    expect(third.start).not.toBe(BASE - 0x10000n)
  })

  test('two arenas in one process: fixed over a part is refused, over the whole replaces', () => {
    const kernel = testKernel()
    const process = new UserProcess('one')
    const options = { kernel, process }
    const first = makeArena({}, options)
    const mapping = first.mmap()
    const small = makeArena({ extra: 0n, maxEntries: 8 }, options)
    expect(tryMap(small, { address: BASE + 0x4000n, fixed: true })).toBe('EINVAL')
    expect(tryMap(small, { address: BASE + 0x4000n, fixed: 'noreplace' })).toBe('EEXIST')
    const large = makeArena({ extra: 0n, maxEntries: 32 }, options)
    expect(tryMap(large, { address: BASE, fixed: true })).toBe(BASE)
    expect(mapping.unmapped).toBe(true)
    expect(tryMap(first, { ...AT_BASE, fixed: false })).toBe('EBUSY')
  })
})

describe('the usual mapping', () => {
  test('is made once, at map_extra or a place of its own, and again after munmap', () => {
    const arena = makeArena()
    const mapping = arena.mmap()
    expect([mapping.start, arena.mmap() === mapping]).toEqual([BASE, true])
    mapping.unmap()
    expect(arena.mmap()).not.toBe(mapping)
    const bare = makeArena({ extra: 0n })
    const first = bare.mmap({ length: LENGTH })
    bare.mmap({ address: first.start, process: new UserProcess('other') })
    expect(bare.mmap()).toBe(first)
  })
})

describe('freeze', () => {
  test('before any writable mapping: writable ones EPERM from then on, others fine', () => {
    const arena = makeArena()
    arena.mmap({ ...AT_BASE, protection: 'r' }).unmap()
    arena.mmap({ ...AT_BASE, protection: 'none' }).unmap()
    expect(errnoOf(() => arena.freeze())).toBeUndefined()
    expect(tryMap(arena, AT_BASE)).toBe('EPERM')
    expect(tryMap(arena, { ...AT_BASE, shared: false })).toBe('EINVAL')
    expect(tryMap(arena, { ...AT_BASE, length: 17 * 4096 })).toBe('E2BIG')
    expect(tryMap(arena, { ...AT_BASE, protection: 'r' })).toBe(BASE)
    // The place is taken; still the rights come first.
    expect(tryMap(arena, { ...AT_BASE, fixed: false })).toBe('EPERM')
    expect(errnoOf(() => arena.freeze())).toBe('EPERM')
  })

  test('after a writable mapping, even unmapped: EBUSY', () => {
    const arena = makeArena()
    arena.mmap(AT_BASE).unmap()
    expect(errnoOf(() => arena.freeze())).toBe('EBUSY')
    expect(errnoOf(() => arena.freeze())).toBe('EBUSY')
  })

  test('a mapping that was refused does not count', () => {
    const arena = makeArena()
    expect(tryMap(arena, { ...AT_BASE, shared: false })).toBe('EINVAL')
    expect(errnoOf(() => arena.freeze())).toBeUndefined()
  })
})

describe('munmap and mprotect', () => {
  const mapped = (protection: 'none' | 'r' | 'rw' = 'rw'): ArenaMapping => makeArena().mmap({ ...AT_BASE, protection })

  test.each<[string, (mapping: ArenaMapping) => void, string | undefined]>([
    ['munmap of one page', (one) => one.unmap(BASE + 0x3000n, 4096n), 'EINVAL'],
    ['munmap of all but the last page', (one) => one.unmap(BASE, 15n * 4096n), 'EINVAL'],
    ['munmap of a byte less: rounded up', (one) => one.unmap(BASE, 16n * 4096n - 1n), undefined],
    ['munmap of more', (one) => one.unmap(BASE - 4096n, 20n * 4096n), undefined],
    ['mprotect of one page', (one) => one.protect('r', BASE, 4096n), 'EINVAL'],
    ['mprotect of one page to what it is', (one) => one.protect('rw', BASE, 4096n), undefined],
    ['mprotect of the whole', (one) => one.protect('r'), undefined],
    ['mprotect to executable', (one) => one.protect('rx'), 'EACCES'],
  ])('%s', (_name, call, errno) => {
    expect(errnoOf(() => call(mapped()))).toBe(errno)
  })

  test('writable only what was mapped writable', () => {
    for (const protection of ['none', 'r'] as const) {
      expect(errnoOf(() => mapped(protection).protect('rw'))).toBe('EACCES')
      expect(errnoOf(() => mapped(protection).protect('rw', BASE, 4096n))).toBe('EACCES')
    }
    const mapping = mapped()
    mapping.protect('none')
    mapping.protect('rw')
    mapping.setU8(BASE, 1)
    expect(mapping.u8(BASE)).toBe(1)
  })
})
