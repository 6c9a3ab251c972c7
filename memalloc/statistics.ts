/** What the allocators hold, as plain data: for `memstat`, and for whoever watches a machine. */
import type { Kernel } from './kernel.ts'
import { BATCH, FAILURES, HIGH, LOW, REFILLS, TRIMS } from './mem-cache-layout.ts'

/** One size class of one bpf_mem_alloc instance on one CPU. Counts are objects or times since it was set up. */
export interface CacheStatistics {
  readonly allocator: string
  readonly cpu: number
  /** Bytes of an object, header included. */
  readonly unit: number
  /** Objects on the free list now. */
  readonly free: number
  /** Below it the worker refills. */
  readonly low: number
  /** Above it the worker trims. */
  readonly high: number
  readonly batch: number
  readonly refills: number
  readonly trims: number
  /** Allocations that found nothing. */
  readonly failures: number
  /** Times that the cache's irq_work ran. */
  readonly irqWork: number
}

export interface MemoryStatistics {
  /** Pages of kernel memory and arenas in use, and by whom. */
  readonly pages: number
  readonly pagesByOwner: Readonly<Record<string, number>>
  /** Pages that may be in use; undefined without a limit. */
  readonly pageLimit: number | undefined
  /** Caches that were set up, in the order of instance, CPU and size. */
  readonly caches: readonly CacheStatistics[]
  readonly rcuGracePeriods: number
  readonly tasksTraceGracePeriods: number
  /** Work, callbacks or jobs wait. */
  readonly pending: boolean
}

/** Reads the counters; changes nothing. */
export function memoryStatistics({ pages, bpf, processors }: Kernel): MemoryStatistics {
  const { used, limit, byOwner } = pages.statistics()
  return {
    pages: used,
    pagesByOwner: { ...byOwner },
    pageLimit: Number.isFinite(limit) ? limit : undefined,
    caches: bpf.all.flatMap((instance) =>
      instance.allCaches
        .filter((cache) => cache.isSetUp)
        .map((cache) => {
          const word = (offset: number): number => pages.steps.load32(cache.at + offset)
          return {
            allocator: instance.name,
            cpu: cache.cpu,
            unit: cache.unit,
            free: cache.count,
            low: word(LOW),
            high: word(HIGH),
            batch: word(BATCH),
            refills: word(REFILLS),
            trims: word(TRIMS),
            failures: word(FAILURES),
            irqWork: cache.work.runs,
          }
        }),
    ),
    rcuGracePeriods: processors.rcu.completed,
    tasksTraceGracePeriods: processors.tasksTrace.completed,
    pending: processors.isPending,
  }
}
