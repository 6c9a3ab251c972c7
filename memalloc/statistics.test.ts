import { expect, test } from 'vitest'
import { closeKernel, makeKernel } from './kernel.ts'
import { memoryStatistics } from './statistics.ts'

test('counts objects, refills and grace periods', () => {
  const kernel = makeKernel({})
  try {
    const empty = memoryStatistics(kernel)
    expect(empty).toMatchObject({ pages: 0, caches: [], pageLimit: undefined, rcuGracePeriods: 0, pending: false })

    const cache = kernel.bpf.create({ name: 'things', size: 56 })
    const first = memoryStatistics(kernel).caches.filter(({ allocator }) => allocator === 'things')
    expect(first).toHaveLength(1)
    expect(first[0]).toMatchObject({ cpu: 0, refills: 0, trims: 0, failures: 0, irqWork: 0 })
    expect(first[0]!.unit).toBeGreaterThanOrEqual(64)
    expect(first[0]!.low).toBeLessThan(first[0]!.high)

    const objects = Array.from({ length: 200 }, () => cache.cacheAlloc())
    expect(objects.every((at) => at > 0)).toBe(true)
    const grown = memoryStatistics(kernel)
    expect(grown.pages).toBeGreaterThan(0)
    expect(grown.pagesByOwner).not.toEqual({})
    expect(grown.caches[0]!.refills).toBeGreaterThan(0)
    expect(grown.caches[0]!.irqWork).toBeGreaterThan(0)

    for (const at of objects) cache.cacheFreeRcu(at)
    expect(memoryStatistics(kernel).pending).toBe(true)
    kernel.processors.settle()
    const settled = memoryStatistics(kernel)
    expect(settled.pending).toBe(false)
    expect(settled.rcuGracePeriods).toBeGreaterThan(0)
    expect(settled.caches[0]!.free).toBeGreaterThan(0)
  } finally {
    closeKernel(kernel)
  }
})
