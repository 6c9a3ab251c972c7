import { afterEach, describe, expect, test } from 'vitest'
import { ERRNO, type Errno, HarenaError } from '../errors/errors.ts'
import { MAP_FLAGS, type MapType } from '../program/types.ts'
import { outcome, Rig, type RigOptions } from './fixture.ts'
import type { MapAttributes } from './map.ts'
import { BatchError } from './user.ts'

const rigs: Rig[] = []
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close()
})

function make(attributes: Partial<MapAttributes> = {}, options: RigOptions = {}): Rig {
  const rig = new Rig({ type: 'percpu_array', maxEntries: 4, ...attributes }, options)
  rigs.push(rig)
  return rig
}

describe('creation, as observed on Linux 6.18.44', () => {
  const allowed = ['rdonly', 'wronly', 'rdonly_prog', 'wronly_prog']
  test.each(Object.entries(MAP_FLAGS))('flag %s', (name, flags) => {
    expect(outcome(() => make({ flags }))).toBe(allowed.includes(name) ? 'ok' : 'EINVAL')
  })

  test.each<[string, Partial<MapAttributes>, Errno | 'ok']>([
    ['key', { keySize: 8 }, 'EINVAL'],
    ['no value', { valueSize: 0 }, 'EINVAL'],
    ['no entries', { maxEntries: 0 }, 'EINVAL'],
    ['value', { valueSize: 32768, maxEntries: 1 }, 'ok'],
    ['value', { valueSize: 32769, maxEntries: 1 }, 'E2BIG'],
    ['a wrong flag beats a size too big', { valueSize: 32769, flags: MAP_FLAGS.mmapable }, 'EINVAL'],
    ['node -1', { flags: MAP_FLAGS.numa_node, numaNode: -1 }, 'ok'],
    ['more than the memory there is', { maxEntries: 2 ** 32 - 1 }, 'ENOMEM'],
    ['extra', { extra: 1n }, 'EINVAL'],
  ])('%s: %o', (_, attributes, expected) => {
    expect(outcome(() => make(attributes))).toBe(expected)
  })

  test('over the limit nothing is allocated', () => {
    const rig = make({}, { limit: 1 << 20 })
    const { used } = rig.kernel.pages.statistics()
    expect(outcome(() => make({ maxEntries: 100_000 }, { limit: 1 << 20 }))).toBe('ENOMEM')
    expect(rig.kernel.pages.statistics().used).toBe(used)
  })
})

describe('values', () => {
  test('a program sees those of its CPU, user space all of them', () => {
    const rig = make({}, { cpus: 3 })
    expect([rig.update(1, 10, 0, 0), rig.update(1, 12, 0, 2)]).toEqual([0, 0])
    expect([rig.get(1, 0), rig.get(1, 1), rig.get(1, 2), rig.get(4)]).toEqual([10, 0, 12, undefined])
    expect([rig.user.get(1), rig.user.get(0), rig.user.get(4)]).toEqual([[10n, 0n, 12n], [0n, 0n, 0n], undefined])
    rig.user.set(0, [1, 2n, -1])
    rig.user.set(3, 7)
    expect([rig.user.get(0), rig.user.get(3)]).toEqual([
      [1n, 2n, 2n ** 64n - 1n],
      [7n, 7n, 7n],
    ])
    expect([...rig.user.entries()].length).toBe(4)
    expect(rig.pagesLeft()).toBe(0)
  })

  test('helper 195: the value of any CPU, none of a CPU that is not there', () => {
    for (const type of ['percpu_array', 'percpu_hash', 'lru_percpu_hash'] as const) {
      const rig = make({ type })
      rig.update(1, 5, 0, 1)
      const key = rig.kernel.pages.alloc(0, 1)
      rig.kernel.memory.u8[key] = 1
      expect([0, 1].map((cpu) => rig.map.lookupPerCpu(key, cpu))).toEqual([rig.at(1, 0), rig.at(1, 1)])
      expect([2, 2 ** 32 - 1].map((cpu) => rig.map.lookupPerCpu(key, cpu))).toEqual([0, 0])
    }
    for (const type of ['array', 'hash', 'lru_hash'] as const) expect(make({ type }).map.lookupPerCpu(8192, 0)).toBe(0)
  })

  test('of odd sizes: each is as long as it is', () => {
    const rig = make({ valueSize: 3 })
    rig.user.set(0, [Uint8Array.of(1, 2, 3), 0x060504])
    expect(rig.user.get(0)).toEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)])
    expect(rig.user.getBytes(0)?.length).toBe(16)
  })

  test('as many as there are CPUs, or one for all', () => {
    expect(() => make().user.set(0, [1])).toThrow('a value of map h has a value for each of 2 CPUs, not 1')
    expect(() => make({ type: 'array' }).user.set(0, [1])).toThrow(HarenaError)
  })
})

describe.each<MapType>(['array', 'percpu_array'])('%s as a map that never loses a key', (type) => {
  test('updates, as observed on Linux 6.18.44', () => {
    const rig = make({ type })
    const results = [0, 1, 2, 3, 4, 5, 8].map((flags) => [rig.update(0, 1, flags), rig.update(4, 1, flags)])
    const { EEXIST, E2BIG, EINVAL } = ERRNO
    expect(results).toEqual([
      [0, -E2BIG],
      [-EEXIST, -E2BIG],
      [0, -E2BIG],
      [-EINVAL, -EINVAL],
      [-EINVAL, -E2BIG],
      [-EEXIST, -E2BIG],
      [-EINVAL, -EINVAL],
    ])
    expect([rig.delete(0), rig.delete(9)]).toEqual([-EINVAL, -EINVAL])
    expect([
      () => rig.user.take(0),
      () => rig.user.batch(1, { take: true }),
      () => rig.user.deleteBatch([0]),
    ]).toSatisfy((all: (() => unknown)[]) => all.every((work) => outcome(work) === 'ENOTSUPP'))
  })

  test('batches: the cursor is the last index handed out', () => {
    const rig = make({ type, maxEntries: 5 })
    const keys = (count: number, cursor?: number): unknown => {
      const batch = rig.user.batch(count, { cursor })
      return [batch.entries.map(([key]) => key), batch.cursor, batch.done]
    }
    expect(keys(2)).toEqual([[0, 1], 1, false])
    expect(keys(2, 1)).toEqual([[2, 3], 3, false])
    expect(keys(2, 3)).toEqual([[4], 4, true])
    expect(keys(2, 4)).toEqual([[], undefined, true])
    expect(keys(5)).toEqual([[0, 1, 2, 3, 4], 4, false])
    expect(keys(1, 99)).toEqual([[0], 0, false])
    expect(keys(0, 2)).toEqual([[], 2, false])
    expect(outcome(() => rig.user.batch(1, { flags: 1 }))).toBe('EINVAL')
  })

  test('an update batch ends at the first key that is refused, and says how far it came', () => {
    const rig = make({ type })
    expect(rig.user.setBatch([[0, 5]])).toBe(1)
    const work = (): unknown => rig.user.setBatch([3, 4, 1].map((key) => [key, 9] as const))
    expect(work).toThrow(BatchError)
    expect(work).toThrow('map h: update batch, after 1: E2BIG')
    expect([rig.get(3), rig.get(1)]).toEqual([9, 0])
    expect(outcome(() => rig.user.setBatch([], 1))).toBe('EINVAL')
  })
})

describe('rights and batches, as observed on Linux 6.18.44', () => {
  test.each<[string, number, (Errno | 'ok')[]]>([
    ['no flags', 0, ['ok', 'ok', 'ok', 'ok', 'ok']],
    ['rdonly', MAP_FLAGS.rdonly, ['ok', 'EPERM', 'EPERM', 'EPERM', 'EPERM']],
    ['wronly', MAP_FLAGS.wronly, ['EPERM', 'EPERM', 'EPERM', 'ok', 'ok']],
  ])('%s: look-up, take, take batch, update batch, delete batch', (_, flags, expected) => {
    const { user } = make({ type: 'hash', flags })
    const operations: (() => unknown)[] = [
      () => user.batch(10),
      () => user.take(5),
      () => user.batch(10, { take: true }),
      () => user.setBatch([[1, 1]]),
      () => user.deleteBatch([]),
    ]
    expect(operations.map(outcome)).toEqual(expected)
  })

  test('a delete batch ends at an absent key', () => {
    const { user } = make({ type: 'hash' })
    user.setBatch([1, 2].map((key) => [key, key] as const))
    expect(() => user.deleteBatch([1, 7, 2])).toThrow('map h: delete batch, after 1: ENOENT')
    expect([...user.keys()]).toEqual([2])
  })
})
