/** LRU maps against a plain model, and those on demand against preallocated ones: the same keys stay and the same ones go. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ERRNO } from '../errors/errors.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { Rig, type RigOptions } from './fixture.ts'
import { LRU_ELEMENTS, type LruElements } from './lru-nodes.ts'
import { ReferenceLru } from './lru-reference.ts'
import type { MapAttributes } from './map.ts'

const RUNS: number = process.env.HARENA_LONG ? 1000 : 60
const CPUS = 2

const operation = fc.record({
  kind: fc.constantFrom('update', 'update', 'update', 'lookup', 'lookup', 'delete', 'set', 'take'),
  key: fc.nat(24),
  cpu: fc.nat(CPUS - 1),
  flags: fc.constantFrom(0, 0, 0, 1, 2, 3),
  value: fc.nat(1000),
})
const sequence = fc.array(operation, { minLength: 60, maxLength: 160 })
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** What one operation answers. */
function apply(rig: Rig, { kind, key, cpu, flags, value }: Operation): unknown {
  switch (kind) {
    case 'update':
      return rig.update(key, value, flags, cpu)
    case 'lookup':
      return rig.get(key, cpu)
    case 'delete':
      return rig.delete(key, cpu)
    case 'set':
      return rig.user.set(key, value)
    case 'take':
      return rig.user.take(key)
    default:
      throw new Error(kind)
  }
}

const MODES = [
  ['lru_hash', 0],
  ['lru_hash', MAP_FLAGS.no_common_lru],
  ['lru_percpu_hash', 0],
  ['lru_percpu_hash', MAP_FLAGS.no_common_lru],
] as const

describe.each(MODES)('%s, flags %i', (type, flags) => {
  const make = (maxEntries: number, lruElements: LruElements, options: RigOptions = {}): Rig => {
    const attributes: Partial<MapAttributes> = { type, flags, maxEntries }
    return new Rig(attributes, { lruElements, cpus: CPUS, ...options })
  }

  test('any sequence leaves the same keys, whether elements are preallocated or on demand', () => {
    let evicted = 0
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 14 }), sequence, (max, operations) => {
        const [one, other] = [make(max, 'prealloc'), make(max, 'bpf_mem_alloc')]
        try {
          const put = new Set<number>()
          for (const each of operations) {
            expect([each, apply(other, each)]).toEqual([each, apply(one, each)])
            if (each.kind === 'update' || each.kind === 'set') put.add(each.key)
            expect(other.keys()).toEqual(one.keys())
          }
          if (put.size > one.keys().length) evicted++
          expect([one.pagesLeft(), other.pagesLeft()]).toEqual([0, 0])
        } finally {
          one.close()
          other.close()
        }
      }),
      { numRuns: RUNS },
    )
    expect(evicted).toBeGreaterThan(RUNS / 4)
  })

  test.each(LRU_ELEMENTS)('%s: any sequence answers what a plain model does, and leaves the same keys', (elements) => {
    let evicted = 0
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 14 }), sequence, (max, operations) => {
        const rig = make(max, elements)
        const perCpuValues = type === 'lru_percpu_hash'
        const model = new ReferenceLru({ max, cpus: CPUS, perCpuValues, ownLists: flags !== 0 })
        const put = new Set<number>()
        try {
          for (const each of operations) {
            const { kind, key, cpu } = each
            const result = apply(rig, each)
            if (kind === 'update') expect([each, result]).toEqual([each, model.update(key, each.flags, cpu)])
            else if (kind === 'set') model.update(key, 0, 0)
            else if (kind === 'lookup') expect(result !== undefined).toBe(model.lookup(key))
            else if (kind === 'delete') expect(result).toBe(model.delete(key))
            else expect(result !== undefined).toBe(model.delete(key) === 0)
            put.add(key)
            expect(rig.keys().sort((a, b) => a - b)).toEqual(model.keys())
          }
          if (put.size > max) evicted++
        } finally {
          rig.close()
        }
      }),
      { numRuns: RUNS },
    )
    expect(evicted).toBeGreaterThan(RUNS / 4)
  })

  test('where there is little memory, new keys are stored all the same, in place of older ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 4000 }), fc.integer({ min: 20, max: 60 }), (max, pages) => {
        const rig = make(max, 'bpf_mem_alloc', { limit: (90 + pages) * 4096 })
        // For user space to list keys when all is full.
        const kept = [1, 2, 3, 4].map(() => rig.kernel.pages.alloc(0, PageOwner.OTHER))
        try {
          for (let key = 0; key < max + 10; key++) {
            const cpu = key % CPUS
            // A CPU that never got any memory has nothing to throw out.
            const result = rig.update(key, key, 0, cpu)
            if (result !== 0) expect(result).toBe(-ERRNO.ENOMEM)
            else expect(rig.get(key, cpu)).toBe(key)
          }
          for (const page of kept) rig.kernel.pages.free(page)
          const keys = rig.keys()
          expect(new Set(keys).size).toBe(keys.length)
          expect(keys.length).toBeLessThanOrEqual(rig.map.info.maxEntries)
          expect(keys.length).toBeGreaterThan(4)
          for (const key of keys) expect(rig.delete(key)).toBe(0)
          expect(rig.keys()).toEqual([])
          expect(rig.pagesLeft()).toBe(0)
        } finally {
          rig.close()
        }
      }),
      { numRuns: Math.ceil(RUNS / 6) },
    )
  })

  test('with interrupts off a cold map throws out what it has, and loses no key that it says it took', () => {
    const rig = make(100, 'bpf_mem_alloc', { cpus: 1 })
    const { current } = rig.processors
    const irqs = current.irqSave()
    for (let key = 0; key < 40; key++) expect([key, rig.update(key, key)]).toEqual([key, 0])
    // What creation put into the list: a per-CPU value has one.
    const cold = type === 'lru_hash' ? 4 : 1
    expect(rig.keys().length).toBe(cold)
    expect(rig.get(39)).toBe(39)
    current.irqRestore(irqs)
    for (let key = cold; key < 100; key++) expect(rig.update(1000 + key, key)).toBe(0)
    expect(rig.keys().length).toBe(100)
    expect(rig.pagesLeft()).toBe(0)
    rig.close()
  })

  test('memory follows use: what is deleted goes back', () => {
    const rig = make(2000, 'bpf_mem_alloc')
    const used = (): number => {
      rig.processors.settle()
      rig.kernel.slab.shrink()
      rig.kernel.percpu.shrink()
      return rig.kernel.pages.statistics().used
    }
    const empty = used()
    for (let key = 0; key < 1000; key++) rig.update(key, key)
    const full = used()
    for (let key = 0; key < 1000; key++) {
      expect(rig.delete(key)).toBe(0)
      // What waits for a grace period goes to the slab with the next surplus.
      if (key % 20 === 0) rig.processors.settle()
    }
    expect(full - empty).toBeGreaterThan(20)
    expect(used() - empty).toBeLessThan((full - empty) / 2)
    expect(rig.pagesLeft()).toBe(0)
    rig.close()
  })
})
