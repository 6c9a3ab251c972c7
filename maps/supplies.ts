/** Every element supply there is, by the name that policy `elements` has for it. */
import type { MakeSupply } from './elements.ts'
import { fixedSupply } from './supply-fixed.ts'
import { perCpuFreelist } from './supply-freelist.ts'
import { memAllocSupply } from './supply-mem-alloc.ts'
import { oneLockList } from './supply-one-lock.ts'

export interface Supply {
  /** All elements exist from the start. */
  readonly fixed: boolean
  readonly make: MakeSupply
  readonly help: string
}

export type SupplyName = 'prealloc' | 'bpf_mem_alloc' | 'one-lock'

export const SUPPLIES: Readonly<Record<SupplyName, Supply>> = {
  prealloc: { fixed: true, make: fixedSupply(perCpuFreelist), help: 'preallocated, on per-CPU free lists' },
  bpf_mem_alloc: { fixed: false, make: memAllocSupply, help: 'on demand from bpf_mem_alloc' },
  'one-lock': { fixed: true, make: fixedSupply(oneLockList), help: 'preallocated; one list with one lock' },
}
