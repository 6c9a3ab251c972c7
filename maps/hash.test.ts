import { afterEach, describe, expect, test } from 'vitest'
import { ERRNO, type Errno } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { store32 } from '../memory/access.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { HASH, outcome, Rig, type RigOptions } from './fixture.ts'
import type { MapAttributes } from './map.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'

const DYNAMIC = MAP_FLAGS.no_prealloc
const PER_CPU: Partial<MapAttributes> = { type: 'percpu_hash' }
/** All but those that lose updates by their nature. */
const NAMES = (Object.keys(SUPPLIES) as SupplyName[]).filter((name) => name !== 'ida-nolock' && name !== 'irq-work')

const rigs: Rig[] = []
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close()
})

function make(attributes: Partial<MapAttributes> = {}, options: RigOptions = {}): Rig {
  const rig = new Rig(attributes, options)
  rigs.push(rig)
  return rig
}

describe('creation, as observed on Linux 6.18.44', () => {
  const allowed = ['no_prealloc', 'numa_node', 'rdonly', 'wronly', 'zero_seed', 'rdonly_prog', 'wronly_prog']
  test.each(Object.entries(MAP_FLAGS))('flag %s', (name, flags) => {
    expect(outcome(() => make({ flags }))).toBe(allowed.includes(name) ? 'ok' : 'EINVAL')
    const numa = name === 'numa_node'
    expect(outcome(() => make({ ...PER_CPU, flags }))).toBe(allowed.includes(name) && !numa ? 'ok' : 'EINVAL')
  })

  test.each<[string, Partial<MapAttributes>, Errno | 'ok']>([
    ['no entries', { maxEntries: 0 }, 'EINVAL'],
    ['no key', { keySize: 0 }, 'EINVAL'],
    ['no value', { valueSize: 0 }, 'EINVAL'],
    ['key and value', { keySize: 4, valueSize: 4_194_251, maxEntries: 1, flags: DYNAMIC }, 'ok'],
    ['key and value', { keySize: 4, valueSize: 4_194_252, maxEntries: 1 }, 'E2BIG'],
    ['key and value', { keySize: 4_194_252, valueSize: 4, maxEntries: 1 }, 'E2BIG'],
    ['per-CPU value', { ...PER_CPU, valueSize: 32768, flags: DYNAMIC }, 'ok'],
    ['per-CPU value', { ...PER_CPU, valueSize: 32769 }, 'E2BIG'],
    ['entries', { maxEntries: 2 ** 31 + 1 }, 'E2BIG'],
    ['more than the memory there is', { maxEntries: 2 ** 31 }, 'ENOMEM'],
    ['extra', { extra: 1n }, 'EINVAL'],
    ['NUMA node', { flags: MAP_FLAGS.numa_node, numaNode: 0 }, 'ok'],
    ['NUMA node', { flags: MAP_FLAGS.numa_node, numaNode: 1 }, 'EINVAL'],
    ['NUMA node -1', { ...PER_CPU, flags: MAP_FLAGS.numa_node, numaNode: -1 }, 'ok'],
    ['access flags', { flags: 0x18 }, 'EINVAL'],
    ['access flags', { flags: 0x180 }, 'EINVAL'],
    ['size before flag', { maxEntries: 0, flags: MAP_FLAGS.mmapable }, 'EINVAL'],
    ['zero before size', { valueSize: 0, keySize: 2 ** 31 }, 'EINVAL'],
  ])('%s %o', (_, attributes, expected) => {
    expect(outcome(() => make(attributes))).toBe(expected)
  })

  test.each(NAMES)('over the limit nothing is allocated: %s', (elements) => {
    // 70,000 elements of 64 bytes, and buckets: both more than 1 MiB.
    for (const attributes of [{}, PER_CPU]) {
      const rig = make({}, { elements, limit: 1 << 20 })
      const { used } = rig.kernel.pages.statistics()
      const other = outcome(() => new Rig({ ...attributes, maxEntries: 150_000 }, { elements, limit: 1 << 20 }))
      expect(other).toBe('ENOMEM')
      expect(rig.kernel.pages.statistics().used).toBe(used)
    }
  })
})

describe.each(NAMES)('elements from %s', (elements) => {
  test.each<[number, Errno | 'ok', Errno | 'ok', Errno | 'ok']>([
    // flags, key present, key absent, key absent in a full map
    [0, 'ok', 'ok', 'E2BIG'],
    [1, 'EEXIST', 'ok', 'E2BIG'],
    [2, 'ok', 'ENOENT', 'ENOENT'],
    [3, 'EINVAL', 'EINVAL', 'EINVAL'],
    [4, 'EINVAL', 'EINVAL', 'EINVAL'],
    [5, 'EINVAL', 'EINVAL', 'EINVAL'],
    [7, 'EINVAL', 'EINVAL', 'EINVAL'],
    [8, 'EINVAL', 'EINVAL', 'EINVAL'],
    [16, 'EINVAL', 'EINVAL', 'EINVAL'],
    [2 ** 32, 'EINVAL', 'EINVAL', 'EINVAL'],
    [2 ** 64, 'EINVAL', 'EINVAL', 'EINVAL'],
  ])('update with flags %i: %s, %s, %s', (flags, present, absent, inFull) => {
    for (const attributes of [{}, PER_CPU]) {
      const rig = make(attributes, { elements })
      const number = (errno: Errno | 'ok'): number => (errno === 'ok' ? 0 : -ERRNO[errno])
      expect(rig.update(1, 10)).toBe(0)
      expect([rig.update(1, 11, flags), rig.get(1)]).toEqual([number(present), present === 'ok' ? 11 : 10])
      expect([rig.update(2, 20, flags), rig.get(2)]).toEqual([number(absent), absent === 'ok' ? 20 : undefined])
      for (let key = 100; rig.keys().length < HASH.maxEntries; key++) rig.update(key, key)
      expect([rig.update(3, 30, flags), rig.get(3)]).toEqual([number(inFull), undefined])
      expect(rig.update(1, 12, flags)).toBe(number(present))
    }
  })

  test('delete, and delete again', () => {
    const rig = make({}, { elements })
    expect([rig.delete(1), rig.update(1, 5), rig.delete(1), rig.get(1), rig.delete(1)]).toEqual([
      -ERRNO.ENOENT,
      0,
      0,
      undefined,
      -ERRNO.ENOENT,
    ])
  })

  test('a full map takes new keys as old ones go, and gives all memory back', () => {
    const rig = make({ maxEntries: 200 }, { elements })
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 200; key++) expect(rig.update(key, key, 0, key % 2)).toBe(0)
      expect(rig.update(500, 1)).toBe(-ERRNO.E2BIG)
      for (let key = 0; key < 200; key++) expect(rig.delete(key, 1)).toBe(0)
    }
    rig.update(1, 1)
    expect(rig.pagesLeft()).toBe(0)
  })

  test('a program sees the value of its CPU; a new key is zero on the others', () => {
    const rig = make({ ...PER_CPU, maxEntries: 1 }, { elements })
    rig.update(1, 10, 0, 0)
    rig.update(1, 11, 0, 1)
    expect([rig.get(1, 0), rig.get(1, 1)]).toEqual([10, 11])
    expect(rig.user.get(1)).toEqual([10n, 11n])
    // The same element again, with what was left in it.
    rig.delete(1)
    rig.update(2, 20, 0, 1)
    expect(rig.user.get(2)).toEqual([0n, 20n])
    rig.user.set(2, [5n, 6n])
    expect([rig.get(2, 0), rig.get(2, 1)]).toEqual([5, 6])
    rig.user.set(3 - 1, 9)
    expect(rig.user.getBytes(2)).toEqual(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0))
    expect(rig.pagesLeft()).toBe(0)
  })
})

describe('which element a key gets, as observed on Linux 6.18.44', () => {
  /** Offset of each key's element from the lowest one. */
  const places = (rig: Rig, keys: readonly number[], first: number): number[] => keys.map((key) => rig.at(key) - first)

  test('preallocated: own part from its end, then the next CPU one at a time; spares are taken before', () => {
    const rig = make()
    const keys = [0, 1, 2, 3, 4, 5, 6, 7]
    for (const key of keys) rig.update(key, key)
    // Key 2 got the lowest of all.
    const first = rig.at(2)
    expect(places(rig, keys, first)).toEqual([128, 64, 0, 576, 512, 448, 384, 320])
    // A replacement swaps with the CPU's spare.
    const seen: number[] = []
    for (let round = 0; round < 4; round++) {
      rig.update(3, round)
      seen.push(rig.at(3) - first)
    }
    expect(seen).toEqual([256, 576, 256, 576])
    expect([rig.delete(5), rig.delete(6), rig.update(8, 8), rig.update(9, 9)]).toEqual([0, 0, 0, 0])
    expect(places(rig, [8, 9], first)).toEqual([384, 448])
  })

  test('on demand: a replacement alternates between two, the last one freed is handed out first', () => {
    const rig = make({ flags: DYNAMIC })
    for (let key = 0; key < 7; key++) rig.update(key, key)
    const seen = [0, 1, 2, 3].map(() => {
      rig.update(3, 1)
      return rig.at(3)
    })
    expect([seen[2], seen[3], seen[0] === seen[1]]).toEqual([seen[0], seen[1], false])
    const [five, six] = [rig.at(5), rig.at(6)]
    rig.delete(5)
    rig.delete(6)
    rig.update(8, 8)
    rig.update(9, 9)
    expect([rig.at(8), rig.at(9)]).toEqual([six, five])
  })
})

describe('on demand with interrupts off, as observed on Linux 6.18.44', () => {
  /** Updates keys 0 to 129 with interrupts off: how many were done; they fail with ENOMEM alone. */
  function updateAll(rig: Rig): number {
    return rig.processors.run(0, 'task', 'test', () => {
      const cpu = rig.processors.current
      const irqs = cpu.irqSave()
      const results = Array.from({ length: 130 }, (_, key) => rig.update(key, key))
      cpu.irqRestore(irqs)
      expect(new Set(results)).toEqual(new Set([0, -ERRNO.ENOMEM]))
      return results.filter((result) => result === 0).length
    })
  }

  test.each<[string, Partial<MapAttributes>, number[]]>([
    ['hash 8', { valueSize: 8 }, [4, 52, 100]],
    ['hash 192', { valueSize: 192 }, [4, 52, 100]],
    ['hash 200', { valueSize: 200 }, [1, 46, 91]],
    ['hash 400', { valueSize: 400 }, [1, 25, 49]],
    ['hash 440', { valueSize: 440 }, [1, 25, 49]],
    ['percpu hash 8', { ...PER_CPU, valueSize: 8 }, [1, 2, 3]],
  ])('%s', (_, attributes, expected) => {
    const rig = make({ maxEntries: 1000, flags: DYNAMIC, ...attributes })
    expect([updateAll(rig), updateAll(rig), updateAll(rig)]).toEqual(expected)
  })

  test('with interrupts on, none of the first twelve fails', () => {
    const rig = make({ maxEntries: 1000, flags: DYNAMIC })
    expect(Array.from({ length: 12 }, (_, key) => rig.update(key, key))).toEqual(Array(12).fill(0))
  })
})

describe('the limit of maps on demand', () => {
  test.each([1, 2, 7, 100, 129, 130, 200, 1000])('%i entries, from changing CPUs', (maxEntries) => {
    const rig = make({ maxEntries, flags: DYNAMIC })
    for (let round = 0; round < 2; round++) {
      for (let key = 0; key < maxEntries; key++) expect(rig.update(key, 1, 0, key % 2)).toBe(0)
      expect([rig.update(5000, 1), rig.update(5000, 1, 1, 1), rig.update(0, 2)]).toEqual([-7, -7, 0])
      for (let key = 0; key < maxEntries; key++) expect(rig.delete(key, (key >> 1) % 2)).toBe(0)
    }
  })
})

describe('policies', () => {
  test('irq-work: an element comes too late for the one who wanted it', () => {
    const rig = make({}, { elements: 'irq-work' })
    expect([rig.update(1, 1), rig.update(1, 1), rig.update(2, 1), rig.update(2, 1)]).toEqual([-12, 0, -12, 0])
    expect(rig.pagesLeft()).toBe(0)
  })

  test('reserve: for interrupts, and no longer than it lasts', () => {
    const rig = make({ maxEntries: 100 }, { elements: 'reserve' })
    const results = rig.processors.run(0, 'nmi', 'test', () =>
      Array.from({ length: 40 }, (_, key) => rig.update(key, key)),
    )
    expect(results).toEqual([...Array(32).fill(0), ...Array(8).fill(-ERRNO.ENOMEM)])
    expect([rig.update(50, 1), rig.delete(0), rig.pagesLeft()]).toEqual([0, 0, 0])
  })

  test('ida-nolock: what one CPU frees, another one does not find', () => {
    const results = (['ida', 'ida-nolock'] as const).map((elements) => {
      const rig = make({ maxEntries: 20 }, { elements })
      for (let key = 0; key < 20; key++) rig.update(key, key)
      for (let key = 0; key < 20; key++) rig.delete(key, 1)
      // The two spares left none for the pool.
      return [rig.update(1, 1, 0, 1), rig.update(2, 2, 0, 0)]
    })
    expect(results).toEqual([
      [0, 0],
      [0, -ERRNO.E2BIG],
    ])
  })

  test('forceDynamic: a map that asks for preallocation has nothing allocated for its elements', () => {
    const sizes = [false, true].map((forceDynamic) => {
      const rig = make({ maxEntries: 1000 }, { forceDynamic })
      return rig.kernel.pages.statistics().byOwner.MAP ?? 0
    })
    expect(sizes[0]! - sizes[1]!).toBe(Math.ceil((1002 * 64) / 4096))
  })
})

describe('an update in the middle of another one', () => {
  test('the bucket is busy for an NMI of the same CPU', () => {
    const rig = make({ maxEntries: 1 })
    let result = 0
    const off = rig.kernel.pages.alloc(0, PageOwner.STACK)
    store32(rig.kernel.memory, off, 1)
    rig.update(1, 1)
    // One bucket: its lock is taken as an update would take it.
    const control = Number((rig.map as unknown as { table: { lock: (bucket: number) => number } }).table.lock(0))
    expect(control).toBe(0)
    result = rig.processors.run(0, 'nmi', 'test', () => rig.map.update(off, off, 0))
    expect(result).toBe(-ERRNO.EDEADLK)
    result = rig.processors.run(1, 'task', 'test', () => rig.map.delete(off))
    expect(result).toBe(-ERRNO.ETIMEDOUT)
  })
})

test('the machine has a name for what is wrong', () => {
  expect(() => make({ keySize: 0 })).toThrow('map h: keys of 0 bytes: EINVAL')
  expect(() => make({ maxEntries: 2 ** 31 + 1 })).toThrow(`map h: ${2 ** 31 + 1} entries: E2BIG`)
  expect(HASH.name).toBe('h')
})
