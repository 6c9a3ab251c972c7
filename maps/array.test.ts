import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ERRNO, type Errno, ErrnoError } from '../errors/errors.ts'
import { closeKernel, type Kernel, kernelAddress, makeKernel } from '../memalloc/kernel.ts'
import { checkPages } from '../memalloc/page-invariants.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { load32, store32 } from '../memory/access.ts'
import { MAP_FLAGS, PAGE_SIZE } from '../program/types.ts'
import { createArrayMap } from './array.ts'
import type { BpfMap, MapAttributes } from './map.ts'

const RUNS: number = process.env.HARENA_LONG ? 2000 : 200

const ARRAY: MapAttributes = {
  name: 'a',
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
  extra: 0n,
}

let kernel: Kernel
/** Room for a key, at an odd offset, and values: programs may keep both anywhere. */
let key: number
let next: number
let value: number
beforeEach(() => {
  kernel = makeKernel()
  const page = kernel.pages.alloc(0, PageOwner.STACK)
  key = page + 1
  next = page + 7
  value = page + 13
})
afterEach(() => closeKernel(kernel))

const create = (attributes: Partial<MapAttributes> = {}): BpfMap => createArrayMap(kernel, { ...ARRAY, ...attributes })

function refused(attributes: Partial<MapAttributes>): Errno | 'ok' {
  const before = kernel.pages.statistics().used
  try {
    create(attributes).destroy()
    return 'ok'
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error
    return error.errno
  } finally {
    expect(kernel.pages.statistics().used).toBe(before)
  }
}

describe('creation, as observed on Linux 6.18.44', () => {
  const allowed = ['numa_node', 'rdonly', 'wronly', 'rdonly_prog', 'wronly_prog', 'mmapable', 'inner_map']
  test.each(Object.entries(MAP_FLAGS))('flag %s', (name, flag) => {
    expect(refused({ flags: flag })).toBe(allowed.includes(name) ? 'ok' : 'EINVAL')
  })

  const combined: [number, Errno | 'ok'][] = [
    [0x18, 'EINVAL'],
    [0x180, 'EINVAL'],
    [0x188, 'EINVAL'],
    [0x190, 'EINVAL'],
    [0x98, 'EINVAL'],
    [0x108, 'ok'],
    [0x118, 'EINVAL'],
    [0x88, 'ok'],
    [0x110, 'ok'],
    [0x404, 'ok'],
    [0x1400, 'ok'],
    [0x1404, 'ok'],
    [0x440, 'EINVAL'],
    [0x480, 'ok'],
    [0x500, 'ok'],
    [0x408, 'ok'],
    [0x410, 'ok'],
    [0x1080, 'ok'],
    [0x80000, 'EINVAL'],
    [0x100000, 'EINVAL'],
    [-0x80000000, 'EINVAL'],
  ]
  test.each(combined)('flags %i', (flags, expected) => {
    expect(refused({ flags })).toBe(expected)
  })

  const single: [string, Partial<MapAttributes>, Errno | 'ok'][] = [
    ...[0, 1, 2, 3, 5, 8].map((keySize): [string, Partial<MapAttributes>, Errno] => ['key', { keySize }, 'EINVAL']),
    ['value', { valueSize: 0 }, 'EINVAL'],
    ['value', { valueSize: 1 }, 'ok'],
    ['value', { valueSize: 7 }, 'ok'],
    ['value', { valueSize: 4_194_305 }, 'ok'],
    ['value', { valueSize: 2 ** 31 }, 'E2BIG'],
    ['value', { valueSize: 2 ** 32 - 1 }, 'E2BIG'],
    ['entries', { maxEntries: 0 }, 'EINVAL'],
    ['entries', { maxEntries: 2 ** 20 }, 'ok'],
    ['more than the memory there is', { maxEntries: 2 ** 32 - 1 }, 'ENOMEM'],
    ['more than the memory there is', { maxEntries: 2 ** 20, valueSize: 2 ** 20 }, 'ENOMEM'],
    ['extra', { extra: 1n }, 'EINVAL'],
    ['extra', { extra: 1n << 32n }, 'EINVAL'],
    ['NUMA node', { flags: MAP_FLAGS.numa_node, numaNode: 0 }, 'ok'],
    ['NUMA node', { flags: MAP_FLAGS.numa_node, numaNode: -1 }, 'ok'],
    ['NUMA node', { flags: MAP_FLAGS.numa_node, numaNode: 1 }, 'EINVAL'],
    ['NUMA node without the flag', { numaNode: 5 }, 'ok'],
    ['a wrong size beats one too big', { valueSize: 2 ** 31, maxEntries: 0 }, 'EINVAL'],
    ['a wrong size beats one too big', { valueSize: 2 ** 31, keySize: 8 }, 'EINVAL'],
    ['a wrong flag beats a size too big', { valueSize: 2 ** 31, flags: 1 }, 'EINVAL'],
    ['a wrong flag beats a size too big', { valueSize: 2 ** 31, flags: 0x18 }, 'EINVAL'],
  ]
  test.each(single)('%s %o', (_, attributes, expected) => {
    expect(refused(attributes)).toBe(expected)
  })

  test('the message names the map and what is wrong', () => {
    expect(() => create({ flags: 1 })).toThrow('map a: map type array does not take the flag no_prealloc: EINVAL')
    expect(() => create({ keySize: 8 })).toThrow('map a: an array has keys of 4 bytes, not 8: EINVAL')
    expect(() => create({ flags: 0x18 })).toThrow('map a: the flags rdonly and wronly exclude each other: EINVAL')
    expect(() => create({ flags: 0x100000 })).toThrow('does not take the flag 0x100000: EINVAL')
  })

  test('the limit counts, and a refusal leaves nothing behind', () => {
    kernel.pages.setLimit(3 * PAGE_SIZE)
    expect(refused({ maxEntries: 1000 })).toBe('ENOMEM')
    // The values fit, the map object does not.
    expect(refused({ maxEntries: 1024 })).toBe('ENOMEM')
    expect(refused({ maxEntries: 512 })).toBe('ok')
  })
})

describe('what the verifier is told', () => {
  test('maps have different ids and addresses', () => {
    const [a, b] = [create(), create()]
    expect([a.info.id, b.info.id]).toEqual([1, 2])
    expect(a.info.address).not.toBe(b.info.address)
    expect(a.info).toMatchObject({ ...ARRAY, keyTypeId: 0, valueTypeId: 0, userStart: undefined, frozen: undefined })
  })

  test('the value of the only entry has an address, those of several have none', () => {
    store32(kernel.memory, key, 0)
    const single = create({ maxEntries: 1 })
    expect(single.info.valueAddress).toBe(kernelAddress(single.lookup(key)))
    expect(create({ maxEntries: 2 }).info.valueAddress).toBe(0n)
  })

  test('contents are known once neither programs nor user space can change them', () => {
    const map = create({ maxEntries: 1, flags: MAP_FLAGS.rdonly_prog })
    store32(kernel.memory, key, 0)
    store32(kernel.memory, value, 0x01020304)
    expect(map.update(key, value, 0)).toBe(0)
    expect(map.info.frozen).toBeUndefined()
    expect(map.freeze()).toBe(0)
    expect(map.info.frozen).toEqual(Uint8Array.of(4, 3, 2, 1, 0, 0, 0, 0))
    const writable = create()
    writable.freeze()
    expect([writable.isFrozen, writable.info.frozen]).toEqual([true, undefined])
  })
})

describe('operations, as observed on Linux 6.18.44', () => {
  const rows: [number, number, Errno | 'ok'][] = [
    [0, 0, 'ok'],
    [0, 3, 'ok'],
    [0, 4, 'E2BIG'],
    [0, 0xffff_ffff, 'E2BIG'],
    [1, 0, 'EEXIST'],
    [1, 3, 'EEXIST'],
    [1, 4, 'E2BIG'],
    [2, 0, 'ok'],
    [2, 3, 'ok'],
    [2, 4, 'E2BIG'],
    [3, 0, 'EINVAL'],
    [3, 4, 'EINVAL'],
    [2 ** 32, 0, 'EINVAL'],
    [2 ** 64, 0, 'EINVAL'],
    // The lock flag, from a program: from user space it is refused before the map is asked.
    [4, 0, 'EINVAL'],
    [4, 4, 'E2BIG'],
    [5, 0, 'EEXIST'],
    [6, 0, 'EINVAL'],
    [7, 0, 'EINVAL'],
    [8, 0, 'EINVAL'],
  ]
  test.each(rows)('update with flags %i of index %i: %s', (flags, index, expected) => {
    const map = create()
    store32(kernel.memory, key, index)
    store32(kernel.memory, value, 42)
    expect(map.update(key, value, flags)).toBe(expected === 'ok' ? 0 : -ERRNO[expected])
    if (index < 4) expect(load32(kernel.memory, map.lookup(key))).toBe(expected === 'ok' ? 42 : 0)
  })

  test.each([
    [0, true, 1],
    [2, true, 3],
    [3, true, -ERRNO.ENOENT],
    [4, false, 0],
    [0xffff_ffff, false, 0],
  ])('index %i: found %s, next key %i, delete EINVAL', (index, found, expected) => {
    const map = create()
    store32(kernel.memory, key, index)
    expect(map.lookup(key) !== 0).toBe(found)
    expect(map.delete(key)).toBe(-ERRNO.EINVAL)
    const result = map.nextKey(key, next)
    expect(result === 0 ? load32(kernel.memory, next) : result).toBe(expected)
  })

  test('without a key the next one is the first, even of one entry', () => {
    for (const maxEntries of [1, 4]) {
      const map = create({ maxEntries })
      store32(kernel.memory, next, -1)
      expect(map.nextKey(0, next)).toBe(0)
      expect(load32(kernel.memory, next)).toBe(0)
    }
  })

  test('values are 8-byte aligned, side by side, and an update writes its own bytes only', () => {
    const map = create({ valueSize: 13 })
    const at = [0, 1, 2].map((index) => {
      store32(kernel.memory, key, index)
      return map.lookup(key)
    })
    expect(at.map((offset) => offset % 8)).toEqual([0, 0, 0])
    expect([at[1]! - at[0]!, at[2]! - at[1]!]).toEqual([16, 16])
    kernel.memory.u8.fill(0xee, value, value + 16)
    store32(kernel.memory, key, 1)
    map.update(key, value, 0)
    expect([...kernel.memory.u8.subarray(at[1]!, at[2])]).toEqual([...Array(13).fill(0xee), 0, 0, 0])
    expect(kernel.memory.u8[at[2]!]).toBe(0)
  })

  test('a value may be updated from itself or from its neighbour', () => {
    const map = create()
    const offset = (index: number): number => {
      store32(kernel.memory, key, index)
      return map.lookup(key)
    }
    store32(kernel.memory, offset(0), 7)
    store32(kernel.memory, key, 1)
    expect(map.update(key, offset(0), 0)).toBe(0)
    expect([load32(kernel.memory, offset(0)), load32(kernel.memory, offset(1))]).toEqual([7, 0])
    const from = offset(0)
    store32(kernel.memory, key, 1)
    expect(map.update(key, from, 0)).toBe(0)
    expect(load32(kernel.memory, offset(1))).toBe(7)
  })
})

describe('against a model', () => {
  const operation = fc.record({
    kind: fc.constantFrom('update', 'lookup', 'next'),
    index: fc.oneof(fc.nat(12), fc.integer({ min: -2, max: -1 })),
    flags: fc.nat(8),
    byte: fc.nat(255),
  })

  test('any sequence of operations on two arrays at once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(operation, { maxLength: 50 }),
        (valueSize, maxEntries, operations) => {
          const map = create({ valueSize, maxEntries })
          const other = create({ valueSize, maxEntries })
          const model = Array.from({ length: maxEntries }, () => new Uint8Array(valueSize))
          for (const { kind, index, flags, byte } of operations) step(map, model, kind, index >>> 0, flags, byte)
          for (let index = 0; index < maxEntries; index++) {
            store32(kernel.memory, key, index)
            const [at, of] = [map.lookup(key), other.lookup(key)]
            expect(kernel.memory.u8.slice(at, at + valueSize)).toEqual(model[index])
            expect(kernel.memory.u8.slice(of, of + valueSize)).toEqual(new Uint8Array(valueSize))
          }
          map.destroy()
          other.destroy()
          checkPages(kernel.memory)
          expect(kernel.pages.statistics().used).toBe(1)
        },
      ),
      { numRuns: RUNS },
    )
  })

  function step(map: BpfMap, model: Uint8Array[], kind: string, index: number, flags: number, byte: number): void {
    const { memory } = kernel
    const { valueSize } = map.info
    store32(memory, key, index)
    const exists = index < model.length
    if (kind === 'lookup') {
      const at = map.lookup(key)
      expect(at !== 0).toBe(exists)
      if (exists) expect(memory.u8.slice(at, at + valueSize)).toEqual(model[index])
    } else if (kind === 'next') {
      const result = map.nextKey(key, next)
      if (index === model.length - 1) expect(result).toBe(-ERRNO.ENOENT)
      else expect([result, load32(memory, next)]).toEqual([0, exists ? index + 1 : 0])
    } else {
      memory.u8.fill(byte, value, value + valueSize)
      const done = exists && (flags === 0 || flags === 2)
      expect(map.update(key, value, flags) === 0).toBe(done)
      if (done) model[index]!.fill(byte)
    }
  }
})
