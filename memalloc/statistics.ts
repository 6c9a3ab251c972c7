/** What the allocators hold, as plain data: `harena memstat` prints it. It changes nothing. */
import type { GroupStatistics } from './group.ts'
import type { Kernel } from './kernel.ts'
import { FAILURES, REFILLS, TRIMS } from './mem-cache-layout.ts'
import { type CacheState, cacheState } from './mem-invariants.ts'
import type { PageStatistics } from './pages.ts'
import { PARTIAL_COUNT, SLABS } from './slab-layout.ts'

/** A cache of bpf_mem_alloc, on one CPU. */
export interface MemCacheStatistics extends CacheState {
  /** Name of the instance. */
  readonly name: string
  readonly cpu: number
  /** Bytes of an object with its header. */
  readonly unit: number
  readonly percpu: boolean
  /** Runs of the worker that refilled and that trimmed; allocations that got nothing. */
  readonly refills: number
  readonly trims: number
  readonly failures: number
  /** Times that its irq_work ran. */
  readonly irqWork: number
}

export interface SlabStatistics {
  readonly name: string
  /** Bytes from one object to the next, objects and pages of a slab. */
  readonly stride: number
  readonly objects: number
  readonly pages: number
  readonly slabs: number
  readonly partial: number
}

export interface MemoryStatistics {
  readonly pages: PageStatistics
  /** Pages on the CPUs' lists, by CPU. */
  readonly keptPages: readonly number[]
  /** Caches that have slabs. */
  readonly slabs: readonly SlabStatistics[]
  /** Caches that were set up, instance by instance, CPU by CPU. */
  readonly caches: readonly MemCacheStatistics[]
  readonly percpu: readonly { readonly areas: number; readonly freeBytes: number }[]
  /** What is charged to the objects that were loaded with a limit of their own. */
  readonly groups: readonly GroupStatistics[]
  /** Grace periods that ended, and callbacks that wait for one. */
  readonly gracePeriods: { readonly rcu: number; readonly tasksTrace: number; readonly pending: number }
}

export function memoryStatistics(kernel: Kernel): MemoryStatistics {
  const { processors, slab, bpf } = kernel
  const { rcu, tasksTrace } = processors
  const word = (at: number): number => kernel.memory.i32[at / 4]!
  return {
    pages: kernel.pages.statistics(),
    keptPages: processors.cpus.map(({ id }) => kernel.lists.kept(id)),
    slabs: [...slab.caches.values()]
      .filter(({ at }) => word(at + SLABS) > 0)
      .map(({ name, at, stride, objects, order }) => {
        return { name, stride, objects, pages: 2 ** order, slabs: word(at + SLABS), partial: word(at + PARTIAL_COUNT) }
      }),
    caches: bpf.all.flatMap((instance) =>
      instance.allCaches
        .filter((cache) => cache.isSetUp)
        .map((cache) => ({
          name: instance.name,
          cpu: cache.cpu,
          unit: cache.unit,
          percpu: instance.percpu,
          refills: word(cache.at + REFILLS),
          trims: word(cache.at + TRIMS),
          failures: word(cache.at + FAILURES),
          irqWork: cache.work.runs,
          ...cacheState(kernel.memory, cache),
        })),
    ),
    percpu: kernel.percpu.statistics(),
    groups: bpf.groups.map((group) => group.statistics()),
    gracePeriods: {
      rcu: rcu.completed,
      tasksTrace: tasksTrace.completed,
      pending: rcu.pending + tasksTrace.pending,
    },
  }
}
