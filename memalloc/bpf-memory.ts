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

/** What the machine's handle and those of its groups know together. */
interface Shared {
  readonly instances: Set<BpfMemAlloc>
  readonly groups: Set<MemoryGroup>
  /** The machine's handle first. */
  readonly handles: Set<BpfMemory>
}

export class BpfMemory {
  private readonly slab: Kmalloc
  private readonly areas: PercpuMemory
  /** Who pays for what this handle makes. */
  readonly group: MemoryGroup | undefined
  private readonly shared: Shared
  private globalInstance: BpfMemAlloc | undefined
  private globalPercpuInstance: BpfMemAlloc | undefined

  constructor(slab: Kmalloc, areas: PercpuMemory, shared?: Shared, group?: MemoryGroup) {
    this.slab = slab
    this.areas = areas
    this.group = group
    this.shared = shared ?? { instances: new Set(), groups: new Set(), handles: new Set() }
    this.shared.handles.add(this)
  }

  /** A handle for who is in a group: its instances are charged to the group, `global` too, which is its own. */
  paidBy(group: MemoryGroup): BpfMemory {
    return new BpfMemory(this.slab, this.areas, this.shared, group)
  }

  /** Ends a group's handle, with the instance `global` of it. */
  end(): void {
    for (const instance of [this.globalInstance, this.globalPercpuInstance]) {
      if (instance !== undefined) this.destroy(instance)
    }
    this.shared.handles.delete(this)
  }

  /** A new instance. @throws ErrnoError EINVAL for per-CPU objects of any size (there is `globalPercpu`), ENOMEM */
  create(options: MemAllocOptions): BpfMemAlloc {
    if (options.percpu === true && options.size === 0) {
      throw new ErrnoError('EINVAL', `${options.name}: a per-CPU allocator needs a size`)
    }
    return this.make(options)
  }

  /** The machine's instance of any size, paid for by nobody; of a group's handle, the group's own. Made when first used, so that machines without cost less. */
  get global(): BpfMemAlloc {
    this.globalInstance ??= this.make({ name: 'bpf_global_ma', size: 0 })
    return this.globalInstance
  }

  /** `global`, where it was made. */
  get theGlobal(): BpfMemAlloc | undefined {
    return this.globalInstance
  }

  /** The instance `global`, of this handle or another one, that has an object there. Any number may be asked. */
  ownerOf(payload: number): BpfMemAlloc | undefined {
    if (this.globalInstance?.isObject(payload) === true) return this.globalInstance
    for (const { globalInstance } of this.shared.handles) {
      if (globalInstance?.isObject(payload) === true) return globalInstance
    }
    return undefined
  }

  /** The handles of the machine and of its groups. */
  get handles(): readonly BpfMemory[] {
    return [...this.shared.handles]
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
    return [...this.shared.instances]
  }

  /** Every group that was not destroyed, in the order of creation. */
  get groups(): readonly MemoryGroup[] {
    return [...this.shared.groups]
  }

  /** Takes an instance down. */
  destroy(instance: BpfMemAlloc): void {
    this.shared.instances.delete(instance)
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
    this.shared.groups.add(group)
    return group
  }

  destroyGroup(group: MemoryGroup): void {
    this.shared.groups.delete(group)
    this.slab.free(group.at, 'kernel')
  }

  private make(options: MemAllocOptions): BpfMemAlloc {
    const { group } = this
    const instance = new BpfMemAlloc(this.slab, this.areas, group === undefined ? options : { group, ...options })
    this.shared.instances.add(instance)
    return instance
  }
}
