/**
 * bpf_mem_alloc: memory for programs in any context (Linux 6.18; spec: B to D).
 *
 *     one size     size > 0        a cache a CPU          cacheAlloc, cacheFree, cacheFreeRcu
 *     any size     size = 0        11 caches a CPU        alloc, free, freeRcu
 *     per-CPU      percpu          16-byte objects that point to an area of `size` bytes on every CPU
 *
 *     control blocks     CPU 0: class 0 │ class 1 │ … │ CPU 1: …          128 bytes each (mem-cache-layout.ts)
 *
 * Offsets that go in and out are those of payloads, 8 bytes into the object; 0 is NULL. Objects of the per-CPU form:
 * the payload's first word is the offset of CPU 0's copy (percpu.ts says where the others lie).
 */
import type { Actor } from '../cpu/actor.ts'
import type { Processors } from '../cpu/processors.ts'
import { ERRNO, ErrnoError, InternalError } from '../errors/errors.ts'
import { zeroBytes } from '../memory/access.ts'
import { KERNEL_HIGH, MEMORY_BYTES } from '../memory/memory.ts'
import type { ClassLayout } from './class-layout.ts'
import { BUSY, type Gfp } from './gfp.ts'
import type { MemoryGroup } from './group.ts'
import type { Kmalloc, KmallocOptions } from './kmalloc.ts'
import * as llist from './llist.ts'
import { MemCache } from './mem-cache.ts'
import { CACHE_BYTES, DRAINING, inUse, RCU_FLIGHT, TRACE_FLIGHT } from './mem-cache-layout.ts'
import { MemDebug, type Room } from './mem-debug.ts'
import { drain } from './mem-refill.ts'
import type { MemWorld } from './mem-world.ts'
import { type PageAllocator, PageOwner } from './pages.ts'
import type { PercpuMemory } from './percpu.ts'
import { BPF_SIZES, HEADER_BYTES, MAX_PERCPU_REQUEST, MAX_REQUEST, sizeClass } from './size-classes.ts'
import type { KmemCache } from './slab.ts'
import { CPU_SLABS } from './slab-layout.ts'
import { reserve, restore } from './watermarks.ts'

export interface MemAllocOptions {
  /** For reports and events. */
  readonly name: string
  /** Bytes of payload of every object; 0 for the 11 classes. */
  readonly size: number
  readonly percpu?: boolean
  /**
   * One owner takes objects and frees them at once: none after RCU, none raw, none that may sleep or be prefilled. Then
   * the instance knows how many are in use. Default false.
   */
  readonly exclusive?: boolean
  /** Who pays for objects and control blocks; default nobody (the root group). */
  readonly group?: MemoryGroup | undefined
}

/** Called with the payload's offset before an object goes back to the slab; not when it is handed out again. */
export type Destructor = (payload: number) => void

/** Where the worker passes. */
const WORK_POINTS = [
  'mem_alloc:raise',
  'mem_alloc:refill',
  'mem_alloc:trim',
  'irq_work:run',
  'slab:slow',
  'slab:lock',
  'slab:unlock',
  'slab:new',
  'page:lock',
  'page:unlock',
] as const

/** Bytes of an object of the per-CPU form: header, and the area's address. */
const PERCPU_OBJECT = 16

export class BpfMemAlloc {
  readonly name: string
  readonly size: number
  readonly percpu: boolean
  /** Whether it counts what is in use (`hasInUse`): as asked for, where nobody is served by the general allocator. */
  readonly exclusive: boolean
  private readonly slab: Kmalloc
  private readonly processors: Processors
  private readonly areas: PercpuMemory
  /** Who pays. */
  readonly group: MemoryGroup | undefined
  /** Where the control blocks are from. */
  private readonly pages: PageAllocator
  /** What the slab is asked for each time. */
  private readonly request: KmallocOptions
  private readonly world: MemWorld
  private readonly debug: MemDebug | undefined
  private readonly own: KmemCache | undefined
  /** Classes a CPU has. */
  private readonly classes: number
  /** Offset of the control blocks. */
  private readonly base: number
  private readonly caches: readonly MemCache[]
  private destructor: Destructor | undefined
  /** What was fetched and is not given back: in use, or on a list. */
  private readonly held = { objects: 0, bytes: 0 }
  private state: 'live' | 'draining' | 'gone' = 'live'

  /** @throws ErrnoError ENOMEM without memory for the control blocks; a short prefill is no error */
  constructor(slab: Kmalloc, areas: PercpuMemory, options: MemAllocOptions) {
    const { name, size, percpu = false, group } = options
    this.slab = slab
    this.processors = slab.processors
    this.areas = areas
    this.name = name
    this.size = size
    this.percpu = percpu
    this.exclusive = options.exclusive === true && size > 0 && slab.policies.sleepable === 'cache-only'
    this.group = group
    this.request = { zero: true, group }
    const { policies, processors, lists } = slab
    const room = (unit: number): Room => this.room(unit)
    this.debug = slab.debug === undefined ? undefined : new MemDebug(name, room, slab.debug, processors)
    this.classes = size > 0 ? 1 : BPF_SIZES.length
    this.pages = group === undefined ? lists.pages : lists.pages.paidBy(group)
    this.base = this.pages.allocBytes(this.classes * processors.cpus.length * CACHE_BYTES, PageOwner.BPF_MEM)
    if (this.base === 0) throw new ErrnoError('ENOMEM', `no memory for the caches of ${name}`)
    const unit = percpu ? size : size + HEADER_BYTES
    const ownSlab = policies.slab === 'own' && size > 0 && !percpu && unit <= 8192
    this.own = ownSlab ? slab.createCache(`bpf-${name}`, unit) : undefined
    this.world = this.makeWorld()
    this.caches = processors.cpus.flatMap(({ id }) =>
      Array.from({ length: this.classes }, (_, index) => {
        const first = this.base + index * CACHE_BYTES
        const at = first + id * this.classes * CACHE_BYTES
        return new MemCache(this.world, first, at, id, size > 0 ? unit : BPF_SIZES[index]!)
      }),
    )
    // Classes of the per-CPU form are set up when a program first needs them.
    if (size > 0 || !percpu) for (const cache of this.caches) cache.setUp()
  }

  /** An object of at least `bytes` bytes, from the class that fits: 0 where there is none now. Any context. */
  alloc(bytes: number): number {
    const index = sizeClass(bytes, this.percpu)
    const payload = index < 0 ? 0 : this.cacheOf(index).alloc()
    if (payload !== 0 && !this.percpu) this.debug?.asked(payload, bytes)
    return payload
  }

  /** Takes back what `alloc` gave, on whatever CPU; 0 is ignored. Any context; never fails. */
  free(payload: number): void {
    if (payload !== 0) this.giveBack(payload, false)
  }

  /** As `free`, and not handed out again before an RCU grace period is over. */
  freeRcu(payload: number): void {
    this.notExclusive('freed after RCU')
    if (payload !== 0) this.giveBack(payload, true)
  }

  /** `alloc` for an instance of one size. */
  cacheAlloc(): number {
    return this.cacheOf(0).alloc()
  }

  cacheFree(payload: number): void {
    // There is one cache: its unit need not be asked of the header.
    if (payload === 0 || this.debug !== undefined) this.free(payload)
    else this.cacheOf(0).free(payload - HEADER_BYTES)
  }

  cacheFreeRcu(payload: number): void {
    this.notExclusive('freed after RCU')
    if (payload === 0 || this.debug !== undefined) this.freeRcu(payload)
    else this.cacheOf(0).freeRcu(payload - HEADER_BYTES)
  }

  /** With `blocking`, where the list is empty the slab is asked: from a task that may sleep. */
  cacheAllocFlags(blocking: boolean): number {
    return this.cacheAlloc() || (blocking ? this.general(this.cacheOf(0)) : 0)
  }

  /** What a program that may sleep gets, by the machine's policy. */
  cacheAllocSleepable(): number {
    return this.sleepable(this.cacheOf(0))
  }

  /** As `cacheAllocSleepable`, for an instance of any size. */
  allocSleepable(bytes: number): number {
    const index = sizeClass(bytes, this.percpu)
    const payload = index < 0 ? 0 : this.sleepable(this.cacheOf(index))
    if (payload !== 0 && !this.percpu) this.debug?.asked(payload, bytes)
    return payload
  }

  private sleepable(cache: MemCache): number {
    const { sleepable } = this.slab.policies
    switch (sleepable) {
      case 'cache-only':
        return cache.alloc()
      case 'cache-first':
        return cache.alloc() || this.general(cache)
      case 'general-first':
        return this.general(cache) || cache.alloc()
      default:
        throw new InternalError(`policy sleepable is ${sleepable satisfies never}`)
    }
  }

  /** Gives an object straight back to the slab; both grace periods are over. */
  rawFree(payload: number): void {
    this.notExclusive('given back to the slab')
    if (payload === 0) return
    if (this.debug?.freed(payload, 'never') === false) return
    this.release(payload - HEADER_BYTES, this.homeOf(payload).unit)
  }

  /**
   * Makes sure that this CPU hands out `count` objects of `bytes` bytes whatever comes; from here on the cache keeps
   * at least as many, until it is told another count. 0; or -ENOMEM, and what was kept before still is: where memory does
   * not suffice, no object is as large, or an NMI has come into the middle of another operation.
   */
  prefill(bytes: number, count: number): number {
    this.notExclusive('kept')
    const index = this.size > 0 ? 0 : sizeClass(bytes, this.percpu)
    if (index < 0 || (this.size > 0 && bytes > this.size)) return -ERRNO.ENOMEM
    const cache = this.cacheOf(index)
    const { steps } = this.slab
    if (count * cache.unit <= MEMORY_BYTES) {
      const before = reserve(steps, cache.at, count, this.percpu)
      if (cache.fillTo(count, this.maySleep())) return 0
      restore(steps, cache.at, before)
      cache.trim()
    }
    return -ERRNO.ENOMEM
  }

  /** 0, or -E2BIG where a request can never be met. */
  checkSize(bytes: number): number {
    return bytes > (this.percpu ? MAX_PERCPU_REQUEST : MAX_REQUEST) ? -ERRNO.E2BIG : 0
  }

  /** Sets up the class of a per-CPU instance of any size: 0 (also if it was), or -EINVAL without such a class. */
  setUpClass(bytes: number): number {
    const index = sizeClass(bytes, true)
    if (index < 0) return -ERRNO.EINVAL
    for (const { id } of this.slab.processors.cpus) {
      const cache = this.caches[id * this.classes + index]!
      if (!cache.isSetUp) cache.setUp()
    }
    return 0
  }

  setDestructor(destructor: Destructor): void {
    this.destructor = destructor
  }

  /** The first bytes of payloads are looked at after a free (Infinity: all of them): debug mode leaves them alone. */
  keep(bytes: number): void {
    this.debug?.keep(bytes)
  }

  /** In debug mode: whether an object was handed out there, and freed. */
  wasFreed(payload: number): boolean {
    return this.debug?.wasFreed(payload) === true
  }

  /** Whether an object of this instance is in use at this payload offset, as far as its header tells. */
  owns(payload: number): boolean {
    // A second free is the report's business, not a fault.
    if (this.wasFreed(payload)) return true
    if (payload % 8 !== 0 || !this.slab.lists.pages.isAllocated(payload - HEADER_BYTES, HEADER_BYTES)) return false
    const { steps } = this.slab
    const home = steps.load64(payload - HEADER_BYTES) >>> 0
    return steps.high === KERNEL_HIGH && this.indexOf(home) >= 0
  }

  /** As `owns`, and an object of the slab starts there; whatever else the header may say of it. Any number may be asked. */
  isObject(payload: number): boolean {
    if (payload % 8 !== 0 || payload <= HEADER_BYTES) return false
    const { steps } = this.slab
    return (
      this.indexOf(steps.load32(payload - HEADER_BYTES) >>> 0) >= 0 && this.slab.startsObject(payload - HEADER_BYTES)
    )
  }

  /** Bytes that an object in use takes, with its header. */
  bytesAt(payload: number): number {
    return this.costOf(this.homeOf(payload).unit)
  }

  /** Objects that are not on the lists of free ones, and bytes of those that are as well. At any time. */
  get usage(): { readonly objects: number; readonly bytes: number } {
    const free = this.caches.reduce((sum, cache) => sum + cache.count, 0)
    return { objects: this.held.objects - free, bytes: this.held.bytes }
  }

  /**
   * Whether so many objects are in use, of an exclusive instance. While there are not so many with those on the lists,
   * nobody has to count.
   */
  hasInUse(count: number): boolean {
    if (!this.exclusive) throw new InternalError(`${this.name} does not count what is in use`)
    const { steps } = this.slab
    const [first] = this.caches
    if (steps.load32(first!.bound) < count) return false
    return this.caches.reduce((sum, { at }) => sum + inUse(steps, at), 0) >= count
  }

  /** For compiled code: the class that objects of `bytes` bytes come from. Undefined without one, and in debug mode. */
  layoutOf(bytes: number): ClassLayout | undefined {
    const index = this.size > 0 ? 0 : sizeClass(bytes, this.percpu)
    if (this.debug !== undefined || index < 0) return undefined
    const caches = this.caches.filter((_, at) => at % this.classes === index)
    const { at, unit } = caches[0]!
    const simple = !this.percpu && this.group === undefined
    const slab = simple ? (this.own ?? this.slab.classOf(unit)) : undefined
    const { exclusive } = this
    const { notesTarget } = caches[0]!
    const stride = this.classes * CACHE_BYTES
    return { at, stride, unit, exclusive, notesTarget, slab: slab && slab.at + CPU_SLABS, caches }
  }

  /** Every cache, CPU by CPU, class by class; for statistics. */
  get allCaches(): readonly MemCache[] {
    return this.caches
  }

  /** Objects that were not freed, with who has them; in debug mode. */
  leaks(): readonly { readonly at: number; readonly bytes: number; readonly allocatedBy: Actor }[] {
    return this.debug?.live() ?? []
  }

  /**
   * Gives everything back; nobody uses it any more. Where grace periods are running, the control blocks follow when
   * all callbacks are done. A second call does nothing.
   */
  destroy(): void {
    if (this.state !== 'live') return
    this.state = 'draining'
    const { steps, processors } = this.slab
    const point = processors.points.get('mem_alloc:destroy')
    if (point.active) point.hit(processors.points.running, processors.current.id, { name: this.name })
    let inFlight = 0
    for (const cache of this.caches) {
      steps.store32(cache.at + DRAINING, 1)
      processors.flush(cache.work)
      drain(cache)
      inFlight += steps.load32(cache.at + RCU_FLIGHT) + steps.load32(cache.at + TRACE_FLIGHT)
    }
    if (inFlight === 0) this.end()
    // One barrier for all CPUs, in a job of its own: the caller does not wait.
    else processors.queueJob(() => processors.callRcu('rcu', () => processors.callRcu('tasks-trace', () => this.end())))
  }

  private end(): void {
    this.state = 'gone'
    if (this.own !== undefined) this.slab.destroyCache(this.own)
    this.pages.freeBytes(this.base, this.caches.length * CACHE_BYTES)
    this.group?.drain()
  }

  private notExclusive(what: string): void {
    if (this.exclusive) throw new InternalError(`an object of ${this.name}, which is one owner's, is ${what}`)
  }

  private giveBack(payload: number, afterRcu: boolean): void {
    // Before the header is looked at, which a second free would find to be a link.
    if (this.debug?.freed(payload, !this.mayPoison ? 'never' : afterRcu ? 'after-rcu' : 'at-once') === false) return
    const home = this.homeOf(payload)
    const cache = this.cacheOf(this.indexOf(home.at) % this.classes)
    if (afterRcu) cache.freeRcu(payload - HEADER_BYTES)
    else cache.free(payload - HEADER_BYTES)
  }

  /** Nothing in a free object's payload is needed any more. */
  private get mayPoison(): boolean {
    return this.destructor === undefined && !this.percpu
  }

  /** Bytes from the payload to its end, and to where the slab has its link. */
  private room(unit: number): Room {
    const object = this.percpu ? PERCPU_OBJECT : unit
    const cache = this.own ?? this.slab.classOf(object)
    const stride = cache === undefined ? this.slab.bytesOf(object) : cache.stride - HEADER_BYTES
    return { payload: object - HEADER_BYTES, red: stride - HEADER_BYTES }
  }

  /** The cache that the object's header names. */
  private homeOf(payload: number): MemCache {
    return this.world.cacheAt(this.slab.steps.load32(payload - HEADER_BYTES) >>> 0)
  }

  /** This CPU's cache of a class. */
  private cacheOf(index: number): MemCache {
    return this.caches[this.processors.current.id * this.classes + index]!
  }

  private indexOf(at: number): number {
    const index = (at - this.base) / CACHE_BYTES
    return this.caches[index] === undefined ? -1 : index
  }

  /** An object from the general allocator, for a program that may sleep; this CPU's cache is its home. */
  private general(cache: MemCache): number {
    const object = this.fresh(cache.unit, 'kernel')
    if (object === 0) return 0
    this.slab.steps.store64(object, cache.at, KERNEL_HIGH)
    this.debug?.allocated(object + HEADER_BYTES, cache.unit)
    return object + HEADER_BYTES
  }

  private fresh(unit: number, gfp: Gfp): number {
    const object = this.fetch(unit, gfp)
    if (object !== 0) this.fetched(unit, 1)
    return object
  }

  private fetched(unit: number, count: number): void {
    this.held.objects += count
    this.held.bytes += count * this.costOf(unit)
  }

  /** Bytes that an object takes from the slab and, of the per-CPU form, from the areas of all CPUs. */
  private costOf(unit: number): number {
    if (this.percpu) return this.slab.bytesOf(PERCPU_OBJECT) + this.areas.bytesOf(unit)
    return this.own?.stride ?? this.slab.bytesOf(unit)
  }

  private fetch(unit: number, gfp: Gfp): number {
    const { slab, group } = this
    if (this.percpu) return this.freshPercpu(unit, gfp)
    if (this.own === undefined) return slab.alloc(unit, gfp, this.request)
    if (group !== undefined && !group.charge(this.own.stride)) return 0
    const object = this.own.alloc(gfp)
    if (object !== 0 && object !== BUSY) {
      zeroBytes(slab.memory, object, unit)
      return object
    }
    group?.uncharge(this.own.stride)
    return 0
  }

  private freshPercpu(unit: number, gfp: Gfp): number {
    const { slab, areas, group } = this
    const object = slab.alloc(PERCPU_OBJECT, gfp, this.request)
    if (object === 0) return 0
    const bytes = areas.bytesOf(unit)
    const paid = group === undefined || group.charge(bytes)
    const area = paid ? areas.alloc(unit, gfp) : 0
    if (area === 0) {
      if (paid) group?.uncharge(bytes)
      slab.free(object, gfp, PERCPU_OBJECT, group)
      return 0
    }
    slab.steps.store64(object + HEADER_BYTES, area, KERNEL_HIGH)
    return object
  }

  private release(object: number, unit: number): void {
    const { slab, group } = this
    this.held.objects--
    this.held.bytes -= this.costOf(unit)
    this.destructor?.(object + HEADER_BYTES)
    this.debug?.released(object + HEADER_BYTES)
    if (this.percpu) {
      this.areas.free(slab.steps.load32(object + HEADER_BYTES) >>> 0)
      group?.uncharge(this.areas.bytesOf(unit))
      slab.free(object, 'atomic', PERCPU_OBJECT, group)
    } else if (this.own === undefined) {
      slab.free(object, 'atomic', unit, group)
    } else {
      group?.uncharge(this.own.stride)
      slab.free(object, 'atomic')
    }
  }

  private releaseList(first: number, unit: number): void {
    const { slab, group, destructor, debug, percpu } = this
    if (!percpu && group === undefined && destructor === undefined && debug === undefined) {
      const freed = (this.own ?? slab.classOf(unit))?.freeAll(first) ?? 0
      if (freed > 0 || first === 0) {
        this.fetched(unit, -freed)
        return
      }
    }
    llist.eachOf(slab.steps, first, this.held.objects, this.name, (object) => this.release(object, unit))
  }

  private maySleep(): boolean {
    return this.slab.processors.current.preemptible
  }

  private makeWorld(): MemWorld {
    const { steps, locks, processors, policies } = this.slab
    const { points } = processors
    return {
      name: this.name,
      percpu: this.percpu,
      exclusive: this.exclusive,
      steps,
      locks,
      processors,
      policies,
      debug: this.debug,
      graceOver: (object) => this.debug?.graceOver(object + HEADER_BYTES, this.mayPoison),
      points: {
        raise: points.get('mem_alloc:raise'),
        refill: points.get('mem_alloc:refill'),
        trim: points.get('mem_alloc:trim'),
        empty: points.get('mem_alloc:empty'),
        ofWork: WORK_POINTS.map((name) => points.get(name)),
      },
      cacheAt: (at) => {
        const cache = this.caches[this.indexOf(at)]
        if (cache === undefined) throw new InternalError(`0x${at.toString(16)} is no cache of ${this.name}`)
        return cache
      },
      fresh: (unit, gfp) => this.fresh(unit, gfp),
      most: () => this.held.objects,
      fetched: (unit, count) => this.fetched(unit, count),
      release: (object, unit) => this.release(object, unit),
      releaseList: (first, unit) => this.releaseList(first, unit),
    }
  }
}
