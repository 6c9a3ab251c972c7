/** Every element supply there is, by the name that policy `elements` has for it. */
import type { SupplyName } from '../program/types.ts'
import type { MakeSupply } from './elements.ts'
import { irqWorkSupply, ownSlabSupply, recursionSupply, reserveSupply } from './supply-dropped.ts'
import { fixedSupply } from './supply-fixed.ts'
import { perCpuFreelist } from './supply-freelist.ts'
import { percpuIda, percpuIdaNoLock } from './supply-ida.ts'
import { kmallocSupply, nolockSupply } from './supply-kmalloc.ts'
import { memAllocSupply } from './supply-mem-alloc.ts'
import { oneLockList } from './supply-one-lock.ts'
import { tags, tagsPacked } from './supply-tags.ts'

export type { SupplyName } from '../program/types.ts'

export interface Supply {
  /** All elements exist from the start. */
  readonly fixed: boolean
  readonly make: MakeSupply
  readonly help: string
}

export const SUPPLIES: Readonly<Record<SupplyName, Supply>> = {
  prealloc: { fixed: true, make: fixedSupply(perCpuFreelist), help: 'preallocated, on per-CPU free lists' },
  bpf_mem_alloc: { fixed: false, make: memAllocSupply, help: 'on demand from bpf_mem_alloc' },
  kmalloc: { fixed: false, make: kmallocSupply, help: 'on demand from kmalloc, as before Linux 4.6' },
  kmalloc_nolock: { fixed: false, make: nolockSupply, help: 'on demand from the any-context kmalloc' },
  'one-lock': { fixed: true, make: fixedSupply(oneLockList), help: 'preallocated; one list with one lock' },
  ida: { fixed: true, make: fixedSupply(percpuIda), help: 'preallocated; percpu_ida' },
  'ida-nolock': { fixed: true, make: fixedSupply(percpuIdaNoLock), help: 'preallocated; percpu_ida without CPU locks' },
  tags: { fixed: true, make: fixedSupply(tags), help: 'preallocated; tag bitmap, a word a cache line' },
  'tags-packed': { fixed: true, make: fixedSupply(tagsPacked), help: 'preallocated; tag bitmap, words side by side' },
  'own-slab': { fixed: false, make: ownSlabSupply, help: 'dropped in 2016: a slab cache a map' },
  recursion: { fixed: false, make: recursionSupply, help: 'dropped in 2016: kmalloc that fails inside the allocator' },
  reserve: { fixed: false, make: reserveSupply, help: 'dropped in 2016: kmalloc, with a reserve for interrupts' },
  'irq-work': { fixed: false, make: irqWorkSupply, help: 'dropped in 2016: kmalloc in irq_work, for the next one' },
}
