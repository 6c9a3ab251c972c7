/** Maps whose elements come from an allocator that others use too (`alloc=`). */
import { describe, expect, test, vi } from 'vitest'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { createMap } from './create.ts'
import { HASH, outcome } from './fixture.ts'
import type { BpfMap, MapAttributes } from './map.ts'
import { UserMap } from './user.ts'

const NO_PREALLOC = 1

function withKernel(work: (kernel: Kernel, make: typeof makeMap) => void): void {
  const kernel = makeKernel()
  try {
    work(kernel, makeMap)
  } finally {
    closeKernel(kernel)
  }
}

function makeMap(
  kernel: Kernel,
  alloc: { size: number; percpu?: boolean },
  attributes: Partial<MapAttributes> = {},
): { map: BpfMap; user: UserMap; taken: () => number; end: () => void } {
  const instance = kernel.bpf.create({ name: 'a', ...alloc })
  const options = { arena: { random: () => 0 }, hash: { alloc: instance } }
  const map = createMap(kernel, { ...HASH, maxEntries: 100, flags: NO_PREALLOC, ...attributes }, options)
  const takes = vi.spyOn(instance, 'cacheAlloc').mock.calls
  const gives = vi.spyOn(instance, 'free').mock.calls
  const taken = (): number => takes.length - gives.length
  return { map, user: new UserMap(kernel, map), taken, end: () => kernel.bpf.destroy(instance) }
}

describe('a shared allocator', () => {
  test.each([
    ['of one size', { size: 64 }, {}],
    ['whose values are per CPU', { size: 8, percpu: true }, { type: 'percpu_hash' }],
    ['beside per-CPU values', { size: 64 }, { type: 'percpu_hash' }],
  ] as const)('%s gives elements and gets them back', (_, alloc, attributes) =>
    withKernel((kernel, make) => {
      const { map, user, taken, end } = make(kernel, alloc, attributes)
      for (let key = 0; key < 50; key++) user.set(key, key)
      expect(taken()).toBe(50)
      user.delete(7)
      expect(taken()).toBe(49)
      map.destroy()
      expect(taken()).toBe(0)
      end()
      kernel.processors.settle()
      expect(kernel.bpf.all).toEqual([])
    }),
  )

  test('of any size serves maps of different sizes', () =>
    withKernel((kernel) => {
      const instance = kernel.bpf.create({ name: 'any', size: 0 })
      const options = { arena: { random: () => 0 }, hash: { alloc: instance } }
      const maps = [8, 100, 1000].map((valueSize) =>
        createMap(kernel, { ...HASH, flags: NO_PREALLOC, valueSize }, options),
      )
      for (const map of maps) {
        const user = new UserMap(kernel, map)
        const value = new Uint8Array(map.info.valueSize).fill(5)
        for (let key = 0; key < 8; key++) user.set(key, value)
        for (let key = 0; key < 8; key++) expect(user.getBytes(key)).toEqual(value)
      }
      for (const map of maps) map.destroy()
      kernel.bpf.destroy(instance)
    }))

  test.each([
    ['elements that are too large', { size: 24 }, { valueSize: 64 }],
    ['a preallocated map', { size: 64 }, { flags: 0 }],
    ['per-CPU memory for plain values', { size: 64, percpu: true }, {}],
    ['an array', { size: 64 }, { type: 'array', flags: 0 }],
  ] as const)('is refused for %s', (_, alloc, attributes) =>
    withKernel((kernel, make) => expect(outcome(() => make(kernel, alloc, attributes))).toBe('EINVAL')),
  )
})
