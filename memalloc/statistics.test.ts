import { expect, test } from 'vitest'
import { simulate } from './fixture.ts'
import { memoryStatistics } from './statistics.ts'

test('a machine that has allocated nothing', () => {
  simulate({ cpus: 2 }, ({ kernel }) => {
    expect(memoryStatistics(kernel)).toMatchObject({
      pages: { used: 0 },
      keptPages: [0, 0],
      slabs: [],
      caches: [],
      percpu: [],
      gracePeriods: { rcu: 0, tasksTrace: 0, pending: 0 },
    })
  })
})

test('caches by CPU and size, with levels, watermarks and counts', () => {
  simulate({ cpus: 2 }, ({ kernel, processors }) => {
    const alloc = kernel.bpf.create({ name: 'map m', size: 56 })
    const irqs = processors.current.irqSave()
    const objects = Array.from({ length: 6 }, () => alloc.cacheAlloc())
    processors.current.irqRestore(irqs)
    for (const object of objects) if (object !== 0) alloc.cacheFreeRcu(object)
    const { caches, slabs, pages, gracePeriods } = memoryStatistics(kernel)
    const common = { name: 'map m', unit: 64, percpu: false, low: 32, high: 96, X: 0, XR: 0, T: 0, WT: 0, trims: 0 }
    expect(caches).toEqual([
      { ...common, cpu: 0, F: 48, R: 3, W: 1, refills: 1, failures: 2, irqWork: 2 },
      { ...common, cpu: 1, F: 4, R: 0, W: 0, refills: 0, failures: 0, irqWork: 0 },
    ])
    expect(slabs).toEqual([{ name: 'kmalloc-64', stride: 64, objects: 64, pages: 1, slabs: 1, partial: 0 }])
    expect(pages.byOwner).toEqual({ SLAB: 1, BPF_MEM: 1 })
    expect(gracePeriods.pending).toBe(1)
    processors.settle()
    expect(memoryStatistics(kernel).gracePeriods).toEqual({ rcu: 1, tasksTrace: 1, pending: 0 })
  })
})
