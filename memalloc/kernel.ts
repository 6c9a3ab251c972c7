/**
 * A machine's kernel memory with what hands it out. Everything that keeps state there takes a Kernel; a Machine has
 * one and gives it back when it closes.
 */
import { Locks } from '../cpu/locks.ts'
import { Processors } from '../cpu/processors.ts'
import { HarenaError } from '../errors/errors.ts'
import { KERNEL_BASE, type Memory } from '../memory/memory.ts'
import { endLeases, endWhenForgotten, type Lease, takeMemory } from '../memory/pool.ts'
import { plainSteps, type Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { AccessCheck } from './access-check.ts'
import { BpfMemory } from './bpf-memory.ts'
import type { MemoryGroup } from './group.ts'
import { type Integrity, makeIntegrity } from './integrity.ts'
import { Kmalloc } from './kmalloc.ts'
import { ObjectStore } from './objects.ts'
import { USER_BUFFERS } from './page-layout.ts'
import { PageLists } from './page-lists.ts'
import { PageAllocator, touchedPages } from './pages.ts'
import { PercpuMemory } from './percpu.ts'
import type { MemoryPolicies } from './policies.ts'
import { Reports } from './reports.ts'

export interface Kernel {
  readonly memory: Memory
  readonly steps: Steps
  readonly processors: Processors
  readonly locks: Locks
  readonly pages: PageAllocator
  readonly lists: PageLists
  readonly slab: Kmalloc
  readonly percpu: PercpuMemory
  /** bpf_mem_alloc: the machine's own instances, and what new ones need. */
  readonly bpf: BpfMemory
  /** Objects of bpf_obj_new, which programs and map values own. */
  readonly objects: ObjectStore
  readonly reports: Reports
  readonly integrity: Integrity
  /** In debug mode: looks at accesses of programs that nothing has verified. */
  readonly accessCheck: AccessCheck | undefined
  /** Every memory of the machine, kernel memory first; arenas add theirs. */
  readonly leases: Lease[]
  /** The numbers last given out. */
  readonly ids: { map: number }
  /** Where the next buffer of user space's operations lies: the innermost operation has the last one. */
  readonly userBuffers: { next: number }
  /** Who pays for pages, per-CPU areas, instances and objects that are had by this kernel; undefined for nobody. */
  readonly group: MemoryGroup | undefined
  /** What of the machine this kernel is for; `closed` when that is gone. */
  readonly scope: Scope
}

/** The machine, or an object loaded on it. */
export interface Scope {
  readonly name: string
  closed: boolean
}

export interface KernelOptions {
  /** Bytes that kernel memory and arenas may use together; 0 or absent for no limit. */
  readonly memoryLimit?: number
  /** The machine's CPUs; default one. */
  readonly processors?: Processors
  readonly policies?: MemoryPolicies
  /** Binds the primitives of shared state; without it there is no hook. */
  readonly makeSteps?: (memory: Memory) => Steps
}

/** Takes a memory from the pool. Throws HarenaError where the address space is used up. */
export function makeKernel(options: KernelOptions = {}): Kernel {
  const memory = takeMemory()
  const steps = (options.makeSteps ?? plainSteps)(memory)
  const processors = options.processors ?? new Processors()
  const locks = new Locks(steps, processors)
  const pages = new PageAllocator(memory, steps, locks)
  const lists = new PageLists(pages, steps, locks)
  const reports = new Reports()
  const slab = new Kmalloc(memory, steps, locks, lists, options.policies, reports)
  const percpu = new PercpuMemory(memory, steps, locks, pages)
  const bpf = new BpfMemory(slab, percpu)
  pages.setLimit(options.memoryLimit ?? 0)
  pages.onLimit = (wanted) => reportLimit(reports, processors, pages, wanted)
  return withScope({
    memory,
    steps,
    processors,
    locks,
    pages,
    lists,
    slab,
    percpu,
    bpf,
    objects: new ObjectStore(memory, steps, bpf),
    reports,
    integrity: makeIntegrity(),
    accessCheck: slab.debug === undefined ? undefined : new AccessCheck(slab, slab.debug),
    leases: [{ memory, touched: () => touchedPages(memory) }],
    ids: { map: 0 },
    userBuffers: { next: USER_BUFFERS },
    group: undefined,
    scope: { name: 'the machine', closed: false },
  })
}

/** One place for all kernels, so that they are objects of one shape. */
function withScope(parts: Kernel): Kernel {
  return { ...parts }
}

/** The same kernel for the handles of an object that is loaded: `checkOpen` asks for the object too. */
export function scopedKernel(kernel: Kernel, name: string): Kernel {
  return withScope({ ...kernel, scope: { name, closed: false } })
}

/** The same kernel for what a group pays for. */
export function groupKernel(kernel: Kernel, group: MemoryGroup): Kernel {
  const { memory, steps, objects } = kernel
  const bpf = kernel.bpf.paidBy(group)
  group.onLimit = (wanted) => reportGroupLimit(kernel, group, wanted)
  return withScope({
    ...kernel,
    pages: kernel.pages.paidBy(group),
    percpu: kernel.percpu.paidBy(group),
    bpf,
    objects: new ObjectStore(memory, steps, bpf, objects),
    group,
  })
}

function reportGroupLimit({ reports, processors }: Kernel, group: MemoryGroup, wanted: number): void {
  if (!reports.heard || !processors.trace.some(({ running }) => running !== undefined)) return
  const { name, used, limit } = group
  reports.note({
    kind: 'out-of-memory',
    group: name,
    by: processors.actor(),
    wanted,
    used,
    limit,
    holders: reports.holders(group),
  })
}

/** What user space does not get, a system call tells it; a program sees no more than a null pointer. */
function reportLimit(reports: Reports, processors: Processors, pages: PageAllocator, wanted: number): void {
  if (!reports.heard || !processors.trace.some(({ running }) => running !== undefined)) return
  const { used, limit } = pages.statistics()
  reports.note({
    kind: 'out-of-memory',
    by: processors.actor(),
    wanted: wanted * PAGE_SIZE,
    used: used * PAGE_SIZE,
    limit: limit * PAGE_SIZE,
    holders: reports.holders(),
  })
}

/** Gives every memory back; nothing of the machine may be used afterwards. A second call does nothing. */
export function closeKernel(kernel: Kernel): void {
  endLeases(kernel.leases)
}

/** Throws HarenaError when the machine is closed, whose memory may be another one's by now, or the object is. */
export function checkOpen(kernel: Kernel): void {
  if (kernel.leases.length === 0) throw new HarenaError('the machine is closed')
  if (kernel.scope.closed) throw new HarenaError(`${kernel.scope.name} is closed`)
}

/** Closes the kernel when nobody holds `owner`, its machine, any more. */
export function closeWhenForgotten(owner: object, kernel: Kernel): void {
  endWhenForgotten(owner, kernel.leases)
}

/** The kernel address of an offset in kernel memory. */
export function kernelAddress(offset: number): bigint {
  return KERNEL_BASE + BigInt(offset)
}
