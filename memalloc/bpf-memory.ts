/**
 * Memory for BPF, as the rest of harena uses it. What there is, from below:
 *
 *     kernel.pages     PageAllocator   allocPages, freePages               whole pages: map values, stacks, arenas' tables
 *     kernel.lists     PageLists       alloc(order, owner, spin)           spin false: alloc_pages_nolock
 *     kernel.slab      Kmalloc         alloc(bytes, gfp), free(object)     gfp 'nolock': kmalloc_nolock, kfree_nolock
 *     kernel.percpu    PercpuMemory    alloc(bytes, gfp), copyOf(at, cpu)
 *     kernel.bpf       BpfMemory       create({ name, size, … })           bpf_mem_alloc
 *
 *     const cache = kernel.bpf.create({ name: 'map hits', size: 64 })
 *     const element = cache.cacheAlloc()        payload offset in kernel memory, or 0 (ENOMEM)
 *     cache.cacheFree(element)                  at once reusable; cacheFreeRcu: after an RCU grace period
 *     cache.destroy()
 *     kernel.bpf.global.alloc(100)              the machine's instance for bpf_obj_new and bpf_mem_alloc; .free, .freeRcu
 *
 * All of them act on `kernel.processors.current`: the CPU that `processors.run(cpu, context, what, work)` simulates.
 * Deferred work runs by itself where interrupts come on, the rest in `processors.advance(ns)` and `settle()`. Programs
 * are readers: `processors.rcu.enter(cpu)` before, `.leave(cpu)` after (tasksTrace for sleepable ones). What is attached
 * to an attach point runs in the context of whoever passes: `processors.enter(what)` and `leave()`, not `run`.
 * Preallocated elements: freelist.ts. Accounting: `kernel.bpf.createGroup(name, limit)`, handed to `create`.
 */
import { ErrnoError } from '../errors/errors.ts'
import { BpfMemAlloc, type MemAllocOptions } from './bpf-mem-alloc.ts'
import { groupBytes, MemoryGroup } from './group.ts'
import type { Kmalloc } from './kmalloc.ts'
import type { PercpuMemory } from './percpu.ts'

export class BpfMemory {
  private readonly slab: Kmalloc
  private readonly areas: PercpuMemory
  private readonly instances: Set<BpfMemAlloc> = new Set()
  private globalInstance: BpfMemAlloc | undefined
  private globalPercpuInstance: BpfMemAlloc | undefined

  constructor(slab: Kmalloc, areas: PercpuMemory) {
    this.slab = slab
    this.areas = areas
  }

  /** A new instance. @throws ErrnoError EINVAL for per-CPU objects of any size (there is `globalPercpu`), ENOMEM */
  create(options: MemAllocOptions): BpfMemAlloc {
    if (options.percpu === true && options.size === 0) {
      throw new ErrnoError('EINVAL', `${options.name}: a per-CPU allocator needs a size`)
    }
    return this.make(options)
  }

  /** The machine's instance of any size, paid for by nobody. Made when first used, so that machines without cost less. */
  get global(): BpfMemAlloc {
    this.globalInstance ??= this.make({ name: 'bpf_global_ma', size: 0 })
    return this.globalInstance
  }

  /** `global`, where it was made. */
  get theGlobal(): BpfMemAlloc | undefined {
    return this.globalInstance
  }

  /** The machine's instance of per-CPU objects; `setUpClass` before a class is used. */
  get globalPercpu(): BpfMemAlloc {
    this.globalPercpuInstance ??= this.make({ name: 'bpf_global_percpu_ma', size: 0, percpu: true })
    return this.globalPercpuInstance
  }

  /** Of `global`, by program: what bpf_mem_alloc gave to it, less what it gave back. */
  readonly taken: Map<string, { objects: number; bytes: number }> = new Map()

  /** Counts objects that a program took (1) or gave back (-1). */
  count(program: string, objects: number, bytes: number): void {
    const taken = this.taken.get(program)
    if (taken === undefined) {
      this.taken.set(program, { objects, bytes })
      return
    }
    taken.objects += objects
    taken.bytes += bytes
  }

  /** Every instance that was not destroyed, in the order of creation. */
  get all(): readonly BpfMemAlloc[] {
    return [...this.instances]
  }

  /** Takes an instance down. */
  destroy(instance: BpfMemAlloc): void {
    this.instances.delete(instance)
    if (instance === this.globalInstance) this.globalInstance = undefined
    if (instance === this.globalPercpuInstance) this.globalPercpuInstance = undefined
    instance.destroy()
  }

  /** A memory group; `limit` in bytes, 0 for none. @throws ErrnoError ENOMEM */
  createGroup(name: string, limit = 0): MemoryGroup {
    const { steps, processors } = this.slab
    const at = this.slab.alloc(groupBytes(processors.cpus.length), 'kernel', { zero: true })
    if (at === 0) throw new ErrnoError('ENOMEM', `no memory for the group ${name}`)
    const group = new MemoryGroup(steps, processors, at, name)
    group.setLimit(limit)
    return group
  }

  destroyGroup(group: MemoryGroup): void {
    this.slab.free(group.at, 'kernel')
  }

  private make(options: MemAllocOptions): BpfMemAlloc {
    const instance = new BpfMemAlloc(this.slab, this.areas, options)
    this.instances.add(instance)
    return instance
  }
}
