/** What the caches of one bpf_mem_alloc stand on. */
import type { Locks } from '../cpu/locks.ts'
import type { AttachPoint } from '../cpu/points.ts'
import type { Processors } from '../cpu/processors.ts'
import type { Steps } from '../memory/steps.ts'
import type { Gfp } from './gfp.ts'
import type { MemCache } from './mem-cache.ts'
import type { MemDebug } from './mem-debug.ts'
import type { MemoryPolicies } from './policies.ts'

export interface MemWorld {
  readonly name: string
  readonly percpu: boolean
  /** See BpfMemAlloc.exclusive. */
  readonly exclusive: boolean
  readonly steps: Steps
  readonly locks: Locks
  readonly processors: Processors
  readonly policies: Required<MemoryPolicies>
  readonly debug: MemDebug | undefined
  readonly points: {
    readonly raise: AttachPoint
    readonly refill: AttachPoint
    readonly trim: AttachPoint
    readonly empty: AttachPoint
    /** Every one that the worker may pass. */
    readonly ofWork: readonly AttachPoint[]
  }
  /** The cache whose control block is at this offset. */
  cacheAt(at: number): MemCache
  /** An object that was freed after RCU may be handed out again. */
  graceOver(object: number): void
  /** A zeroed object from the slab, header in front: its offset, or 0. */
  fresh(unit: number, gfp: Gfp): number
  /** Objects that were fetched and not given back: no list is longer. */
  most(): number
  /** Counts objects that compiled code took from the slab by itself. */
  fetched(unit: number, count: number): void
  /** Gives an object back to the slab, the destructor first. */
  release(object: number, unit: number): void
  /** The same with a list of objects, one after the other. */
  releaseList(first: number, unit: number): void
}
