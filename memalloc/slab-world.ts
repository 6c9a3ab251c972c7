/** What slab caches stand on. */
import type { Locks } from '../cpu/locks.ts'
import type { Processors } from '../cpu/processors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import type { Gfp } from './gfp.ts'
import type { PageLists } from './page-lists.ts'
import type { MemoryPolicies } from './policies.ts'
import type { SlabDebug } from './slab-debug.ts'

export interface SlabWorld {
  readonly memory: Memory
  readonly steps: Steps
  readonly locks: Locks
  readonly processors: Processors
  readonly lists: PageLists
  readonly policies: Required<MemoryPolicies>
  /** In debug mode. */
  readonly debug: SlabDebug | undefined
  /** Frees an object from irq_work, where locks may be waited for. */
  /** Frees an object of any cache. */
  free(object: number, gfp: Gfp): void
  deferObject(object: number, freeOffset: number): void
  /** Puts a thawed slab on its partial list from irq_work. */
  deferSlab(slab: number): void
}
