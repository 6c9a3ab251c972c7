import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Errno, ErrnoError, HarenaError } from '../errors/errors.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { USER_BUFFERS } from '../memalloc/page-layout.ts'
import { MAP_FLAGS, MAP_TYPES, type MapType, PAGE_SIZE } from '../program/types.ts'
import { createMap, type MapOptions } from './create.ts'
import type { MapAttributes } from './map.ts'
import { UserMap } from './user.ts'
import { type Data, toBytes, toKey, toValue } from './values.ts'

const ARRAY: MapAttributes = {
  name: 'hits',
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
  extra: 0n,
}
const ARENA: MapAttributes = {
  name: 'arena',
  type: 'arena',
  keySize: 0,
  valueSize: 0,
  maxEntries: 4,
  flags: MAP_FLAGS.mmapable,
  extra: 0x1_0001_0000n,
}
const OPTIONS: MapOptions = { arena: { random: () => 0 } }

let kernel: Kernel
beforeEach(() => {
  kernel = makeKernel()
})
afterEach(() => closeKernel(kernel))

const create = (attributes: Partial<MapAttributes> = {}, of: MapAttributes = ARRAY): UserMap =>
  new UserMap(kernel, createMap(kernel, { ...of, ...attributes }, OPTIONS))

function outcome(work: () => unknown): Errno | 'ok' {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error
    return error.errno
  }
}

describe('reading and writing', () => {
  test('numbers, bigints and bytes', () => {
    const map = create()
    map.set(0, 1n)
    map.set(1n, -1)
    map.set(Uint8Array.of(2, 0, 0, 0), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    expect([map.get(0), map.get(1), map.get(2), map.get(3), map.get(4)]).toEqual([
      1n,
      0xffff_ffff_ffff_ffffn,
      0x0807060504030201n,
      0n,
      undefined,
    ])
    expect(map.getBytes(2)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    expect([map.has(3), map.has(4)]).toEqual([true, false])
  })

  test('entries in order, keys as numbers', () => {
    const map = create({ valueSize: 2 })
    map.set(3, 9)
    expect([...map.entries()]).toEqual([
      [0, 0n],
      [1, 0n],
      [2, 0n],
      [3, 9n],
    ])
    expect([...map.keys()]).toEqual([0, 1, 2, 3])
    expect([map.nextKey(undefined), map.nextKey(2), map.nextKey(3), map.nextKey(77)]).toEqual([0, 3, undefined, 0])
  })

  test('whoever puts a new key for each that is given is given keys as long as he likes', () => {
    const map = create({ type: 'hash', valueSize: 4 })
    map.set(0, 1)
    let given = 0
    for (const key of map.keys()) {
      expect(key).toBe(given++)
      map.delete(key)
      if (given < 3000) map.set(given, 1)
    }
    expect(given).toBe(3000)
  })

  test('values of other sizes are bytes, copied', () => {
    const map = create({ valueSize: 3 })
    map.set(0, 0x030201)
    const first = map.get(0)
    map.set(0, 0)
    expect(first).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('modes', () => {
    const map = create()
    expect(outcome(() => map.set(0, 1, 'noexist'))).toBe('EEXIST')
    expect(outcome(() => map.set(0, 1, 'exist'))).toBe('ok')
    expect(outcome(() => map.set(4, 1, 'exist'))).toBe('E2BIG')
    expect(() => map.set(4, 1)).toThrow('map hits: update: E2BIG')
  })

  test.each([
    ['a value too wide', () => create().set(0, 1n << 64n), 'a value of map hits: 18446744073709551616 does not fit'],
    ['a key too wide', () => create().get(2 ** 32), 'a key of map hits: 4294967296 does not fit in 4 bytes'],
    ['too few bytes', () => create().set(0, new Uint8Array(7)), 'a value of map hits has 8 bytes, not 7'],
    ['not an integer', () => create().get(0.5), 'a key of map hits: 0.5 is not an integer'],
    ['not exact', () => create().set(0, 2 ** 53), 'is not an integer that a number holds exactly'],
  ])('%s is refused', (_, work, message) => {
    expect(work).toThrow(HarenaError)
    expect(work).toThrow(message)
  })

  test('operations leave no memory behind, and need none below the limit', () => {
    const map = create({ valueSize: 5000 })
    const { used } = kernel.pages.statistics()
    map.set(1, new Uint8Array(5000).fill(3))
    map.get(1)
    expect(outcome(() => map.set(9, 0))).toBe('E2BIG')
    expect([...map.entries()].length).toBe(4)
    expect(kernel.pages.statistics().used).toBe(used)
    kernel.pages.setLimit(used * PAGE_SIZE)
    expect([outcome(() => map.get(1)), kernel.pages.statistics().used]).toEqual(['ok', used])
  })

  test('after the machine is closed every operation says so', () => {
    const map = create()
    closeKernel(kernel)
    const all: (() => unknown)[] = [
      () => map.get(0),
      () => map.set(0, 1),
      () => map.delete(0),
      () => map.nextKey(undefined),
      () => map.freeze(),
      () => [...map.entries()],
    ]
    for (const work of all) expect(work).toThrow('the machine is closed')
  })
})

describe('rights, as observed on Linux 6.18.44', () => {
  const wrong = 'EINVAL'
  test.each<[string, number, (Errno | 'ok')[]]>([
    ['no flags', 0, ['ok', wrong, 'ok', wrong, 'ok', 'ok', 'EPERM']],
    ['rdonly', MAP_FLAGS.rdonly, ['EPERM', 'EPERM', 'ok', 'EPERM', 'ok', 'EPERM', 'EPERM']],
    ['wronly', MAP_FLAGS.wronly, ['ok', wrong, 'EPERM', wrong, 'EPERM', 'ok', 'EPERM']],
    ['rdonly_prog', MAP_FLAGS.rdonly_prog, ['ok', wrong, 'ok', wrong, 'ok', 'ok', 'EPERM']],
    ['wronly_prog', MAP_FLAGS.wronly_prog, ['ok', wrong, 'ok', wrong, 'ok', 'ok', 'EPERM']],
  ])('%s: update, update with bad flags, lookup, delete, next key, freeze, again', (_, flags, expected) => {
    const map = create({ flags })
    const operations: (() => unknown)[] = [
      () => map.set(0, 1),
      () => map.set(0, 1, 9),
      () => map.get(0),
      () => map.delete(0),
      () => map.nextKey(undefined),
      () => map.freeze(),
      () => map.freeze(),
    ]
    expect(operations.map(outcome)).toEqual(expected)
  })

  test('frozen: no writing, whatever else is wrong; reading goes on', () => {
    const map = create()
    map.set(0, 5)
    map.freeze()
    const refused = [() => map.set(0, 1), () => map.set(0, 1, 9), () => map.set(9, 1), () => map.delete(0)]
    expect(refused.map(outcome)).toEqual(['EPERM', 'EPERM', 'EPERM', 'EPERM'])
    expect([map.get(0), map.nextKey(0)]).toEqual([5n, 1])
  })

  test.each([3, 4, 5, 6, 8, 2 ** 32])('update with flags %i: EINVAL, at any index', (flags) => {
    const map = create()
    expect([0, 3, 4].map((index) => outcome(() => map.set(index, 1, flags)))).toEqual(['EINVAL', 'EINVAL', 'EINVAL'])
  })
})

describe('an arena among the maps', () => {
  test('is known to the verifier by its user addresses', () => {
    const { info } = create({}, ARENA)
    expect(info).toMatchObject({ type: 'arena', userStart: 0x1_0001_0000n, valueAddress: 0x1_0001_0000n })
    expect(create({ extra: 0n }, ARENA).info).toMatchObject({ userStart: undefined, valueAddress: 0n })
  })

  test('has no elements', () => {
    const map = create({}, ARENA)
    const answers = [() => map.get(0), () => map.set(0, 0), () => map.delete(0), () => map.nextKey(0)].map(outcome)
    expect(answers).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'])
    expect(outcome(() => map.nextKey(undefined))).toBe('EOPNOTSUPP')
    expect([map.map.update(0, 0, 0), map.map.delete(0), map.map.lookup(0)]).toEqual([-95, -95, 0])
  })

  test('freezes once, and not after it was mapped writable', () => {
    const map = create({}, ARENA)
    expect([() => map.freeze(), () => map.freeze()].map(outcome)).toEqual(['ok', 'EPERM'])
    const { map: mapped } = create({}, ARENA)
    if ('arena' in mapped) (mapped.arena as { mmap: () => unknown }).mmap()
    expect(outcome(() => new UserMap(kernel, mapped).freeze())).toBe('EBUSY')
  })

  test('gives everything back', () => {
    const before = kernel.pages.statistics().used
    create({}, ARENA).map.destroy()
    expect(kernel.pages.statistics().used).toBe(before)
    expect(kernel.leases.length).toBe(1)
    kernel.pages.setLimit((before + 256) * PAGE_SIZE)
    // The page table fits, the map object does not.
    expect(outcome(() => create({}, ARENA))).toBe('ENOMEM')
    expect([kernel.pages.statistics().used, kernel.leases.length]).toEqual([before, 1])
  })
})

describe('map types', () => {
  const there: readonly MapType[] = [
    'array',
    'percpu_array',
    'arena',
    'hash',
    'percpu_hash',
    'lru_hash',
    'lru_percpu_hash',
  ]
  const missing = (Object.keys(MAP_TYPES) as MapType[]).filter((type) => !there.includes(type))
  test.each(missing)('%s is refused by name', (type) => {
    const work = (): unknown => create({ type })
    expect(outcome(work)).toBe('EOPNOTSUPP')
    expect(work).toThrow(`harena does not implement map type ${type}`)
  })
})

describe('keys and values as bytes', () => {
  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n), (size, number) => {
        const bits = 8 * size
        const fits = BigInt.asUintN(bits, number) === number || BigInt.asIntN(bits, number) === number
        if (!fits) {
          expect(() => toBytes(number, size, 'it')).toThrow(/does not fit/)
          return
        }
        const bytes = toBytes(number, size, 'it')
        const back = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
        expect(back).toBe(BigInt.asUintN(bits, number))
        if ([1, 2, 4, 8].includes(size)) expect(toValue(bytes)).toBe(back)
        else expect(toValue(bytes)).toEqual(bytes)
      }),
    )
  })

  test.each<[number[], Data]>([
    [[5], 5],
    [[1, 1], 257],
    [[0xff, 0xff, 0xff, 0xff], 0xffff_ffff],
    [[1, 0, 0, 0, 0, 0, 0, 0x80], 0x8000_0000_0000_0001n],
    [[1, 2, 3], Uint8Array.of(1, 2, 3)],
  ])('the key %j is %s', (bytes, expected) => {
    expect(toKey(Uint8Array.from(bytes))).toEqual(expected)
  })
})

describe('buffers of user space', () => {
  const WIDE: MapAttributes = { ...ARRAY, name: 'wide', type: 'hash', valueSize: 24, maxEntries: 200, flags: 1 }
  const BIG: MapAttributes = { ...WIDE, name: 'big', valueSize: 4000 }

  test.each([
    ['small', WIDE],
    ['in pages of their own', BIG],
  ])('an operation in the middle of another one has its own: %s', (_, attributes) => {
    const [outer, inner] = [create(attributes), create({ ...attributes, name: 'inner' })]
    const { valueSize } = attributes
    const bytes = (fill: number): Uint8Array => new Uint8Array(valueSize).fill(fill)
    inner.set(1, bytes(1))
    const before = kernel.pages.statistics().used
    let seen = 0
    const detach = kernel.processors.points.attach('mem_alloc:raise', () => {
      seen++
      inner.set(1, bytes(2))
      expect(inner.get(1)).toEqual(bytes(2))
    })
    for (let key = 0; key < 100; key++) outer.set(key, bytes(3 + key))
    detach()
    expect(seen).toBeGreaterThan(0)
    for (let key = 0; key < 100; key++) expect(outer.get(key)).toEqual(bytes(3 + key))
    expect(kernel.userBuffers.next).toBe(USER_BUFFERS)
    // Elements, and nothing for keys and values on the way.
    expect(kernel.pages.statistics().byOwner.OTHER ?? 0).toBe(0)
    expect(kernel.pages.statistics().used).toBeGreaterThan(before)
  })

  test('what one leaves is not seen by the next', () => {
    const wide = create(WIDE)
    wide.set(1, new Uint8Array(24).fill(0xff))
    const narrow = create({ ...WIDE, name: 'narrow', type: 'percpu_hash', valueSize: 3 })
    narrow.set(1, 5)
    expect(narrow.getBytes(1)).toEqual(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0))
  })
})
