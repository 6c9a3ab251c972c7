import { afterEach, describe, expect, test } from 'vitest'
import { ERRNO, type Errno } from '../errors/errors.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { outcome, Rig, type RigOptions } from './fixture.ts'
import type { MapAttributes } from './map.ts'

const OWN_LISTS = MAP_FLAGS.no_common_lru

const rigs: Rig[] = []
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close()
})

function make(attributes: Partial<MapAttributes> = {}, options: RigOptions = {}): Rig {
  const rig = new Rig({ type: 'lru_hash', ...attributes }, options)
  rigs.push(rig)
  return rig
}

const keysOf = (rig: Rig): number[] => rig.keys().sort((a, b) => a - b)
const TYPES = ['lru_hash', 'lru_percpu_hash'] as const

describe('creation, as observed on Linux 6.18.44', () => {
  test.each<[string, Partial<MapAttributes>, Errno | 'ok']>([
    ['nothing', {}, 'ok'],
    ['own lists', { flags: OWN_LISTS }, 'ok'],
    ['no_prealloc', { flags: MAP_FLAGS.no_prealloc }, 'ENOTSUPP'],
    ['bad flags first', { flags: MAP_FLAGS.no_prealloc | MAP_FLAGS.mmapable }, 'EINVAL'],
    ['before zero sizes', { flags: MAP_FLAGS.no_prealloc, maxEntries: 0 }, 'ENOTSUPP'],
    ['before the NUMA node', { flags: MAP_FLAGS.no_prealloc | OWN_LISTS | MAP_FLAGS.numa_node }, 'ENOTSUPP'],
    ['own lists on one node', { flags: OWN_LISTS | MAP_FLAGS.numa_node }, 'EINVAL'],
    ['own lists of a hash', { type: 'hash', flags: OWN_LISTS }, 'EINVAL'],
    ['no entries', { maxEntries: 0 }, 'EINVAL'],
  ])('%s: %o', (_, attributes, expected) => {
    expect(outcome(() => make(attributes))).toBe(expected)
  })

  test('own lists: as many entries for each CPU', () => {
    expect([1, 2, 3].map((cpus) => make({ maxEntries: 7, flags: OWN_LISTS }, { cpus }).map.info.maxEntries)).toEqual([
      7, 8, 9,
    ])
    expect(make({ maxEntries: 7 }).map.info.maxEntries).toBe(7)
  })

  test('over the limit nothing is allocated', () => {
    for (const type of TYPES) {
      const rig = make({ type, maxEntries: 4 }, { limit: 1 << 20 })
      const { used } = rig.kernel.pages.statistics()
      expect(outcome(() => make({ type, maxEntries: 100_000 }, { limit: 1 << 20 }))).toBe('ENOMEM')
      expect(rig.kernel.pages.statistics().used).toBe(used)
    }
  })
})

describe.each(TYPES)('%s', (type) => {
  test('the oldest go first, as observed on Linux 6.18.44', () => {
    const rig = make({ type, maxEntries: 4 })
    for (let key = 0; key < 6; key++) expect(rig.update(key, key)).toBe(0)
    expect(keysOf(rig)).toEqual([2, 3, 4, 5])
  })

  test.each([0, OWN_LISTS])('what programs look up stays, what user space looks up does not: flags %i', (flags) => {
    // One CPU: with lists of its own each CPU has its share only.
    const kept = [true, false].map((byProgram) => {
      const rig = make({ type, maxEntries: 8, flags }, { cpus: 1 })
      for (let key = 0; key < 8; key++) rig.update(key, key)
      if (byProgram) expect(rig.get(0)).toBe(0)
      else expect(rig.user.has(0)).toBe(true)
      for (let key = 100; key < 104; key++) rig.update(key, key)
      return rig.user.has(0)
    })
    expect(kept).toEqual([true, false])
  })

  test('updates that may not be', () => {
    const rig = make({ type, maxEntries: 4 })
    expect([rig.update(1, 1, 2), rig.update(1, 1), rig.update(1, 2, 1), rig.update(1, 3, 3), rig.get(1)]).toEqual([
      -ERRNO.ENOENT,
      0,
      -ERRNO.EEXIST,
      -ERRNO.EINVAL,
      1,
    ])
    expect([rig.update(1, 4, 4), rig.update(1, 5, 2), rig.get(1), rig.delete(1), rig.delete(1)]).toEqual([
      -ERRNO.EINVAL,
      0,
      5,
      0,
      -ERRNO.ENOENT,
    ])
  })

  test('a refused update has thrown out another key; with exist on per-CPU values it has not', () => {
    const rig = make({ type, maxEntries: 4 })
    for (let key = 0; key < 4; key++) rig.update(key, key)
    expect(rig.update(3, 1, 1)).toBe(-ERRNO.EEXIST)
    expect(keysOf(rig).length).toBeLessThan(4)
    const before = keysOf(rig)
    for (let round = 0; round < 10; round++) rig.update(99, 1, 2)
    expect(keysOf(rig).length).toBe(type === 'lru_hash' ? keysOf(rig).length : before.length)
    expect(keysOf(rig).every((key) => before.includes(key))).toBe(true)
  })

  test.each([0, OWN_LISTS])('nothing is lost, and all memory comes back: flags %i', (flags) => {
    const rig = make({ type, maxEntries: 300, flags })
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 1000; key++) expect(rig.update(key, key, 0, key % 2)).toBe(0)
      const keys = keysOf(rig)
      // As many as there are elements, apart from those that CPUs hold ready.
      expect(keys.length).toBeGreaterThan(150)
      expect(keys.length).toBeLessThanOrEqual(300)
      for (const key of keys) expect(rig.get(key, key % 2)).toBe(key)
      for (const key of keys) expect(rig.delete(key, 1)).toBe(0)
      expect(rig.keys()).toEqual([])
    }
    for (let key = 0; key < 300; key++) rig.update(key, key, 0, key % 2)
    expect(rig.keys().length).toBe(300)
    expect(rig.pagesLeft()).toBe(0)
  })
})

test('elements in the order in which Linux 6.18.44 hands them out', () => {
  const rig = make({ maxEntries: 4 })
  for (let key = 0; key < 4; key++) rig.update(key, key)
  const at = [0, 1, 2, 3].map((key) => rig.at(key))
  expect(at.map((offset) => offset - at[3]!)).toEqual([192, 128, 64, 0])
})
