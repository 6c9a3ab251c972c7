/**
 * kmalloc: any size, from caches by size class; above two pages whole pages.
 *
 *     kmalloc(n)         n → class 8, 16, 32, 64, 96, 128, 192, 256, 512, 1k, 2k, 4k, 8k → KmemCache → PageLists
 *     'nolock'           up to 8 KiB, any context; where the class is busy, once more in the next larger one (6.18)
 *
 * The caches' state lies in the fixed tables: kmalloc works as soon as there is a memory, and takes no page before the
 * first object.
 */

import { type IrqWork, makeIrqWork } from '../cpu/irq-work.ts'
import type { Locks } from '../cpu/locks.ts'
import type { Processors } from '../cpu/processors.ts'
import { InternalError } from '../errors/errors.ts'
import { zeroBytes } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { BUSY, type Gfp, NO_MEMORY } from './gfp.ts'
import type { MemoryGroup } from './group.ts'
import {
  CPU_LIST_BYTES,
  CPU_LISTS,
  descriptor,
  FIXED_USED,
  NEXT,
  ORDER,
  OWNER,
  STATE,
  TABLE,
  USED,
} from './page-layout.ts'
import { DEFERRED_OBJECTS, DEFERRED_SLABS, listOf, type PageLists } from './page-lists.ts'
import { PageOwner } from './pages.ts'
import { DEFAULT_POLICIES, type MemoryPolicies } from './policies.ts'
import type { Reports } from './reports.ts'
import { KmemCache } from './slab.ts'
import { SlabDebug } from './slab-debug.ts'
import { cacheBytes, SLAB_CACHE } from './slab-layout.ts'
import type { SlabWorld } from './slab-world.ts'

/** Classes, by size. */
export const KMALLOC_SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192] as const

/** Largest kmalloc on x86-64, from whole pages. */
export const KMALLOC_MAX: number = 4 * 2 ** 20

export interface KmallocOptions {
  /** Zero the object. */
  readonly zero?: boolean
  /** Who pays: charged with the object's bytes; the same group is named at the free. */
  readonly group?: MemoryGroup | undefined
}

const PLAIN: KmallocOptions = {}

export class Kmalloc implements SlabWorld {
  readonly memory: Memory
  readonly steps: Steps
  readonly locks: Locks
  readonly processors: Processors
  readonly lists: PageLists
  readonly policies: Required<MemoryPolicies>
  readonly debug: SlabDebug | undefined
  /** Every cache by the offset of its state, kmalloc's own first. */
  readonly caches: Map<number, KmemCache> = new Map()
  private readonly classes: readonly KmemCache[]
  /** The cache that an object was freed to last. */
  private last: KmemCache | undefined
  private readonly works: (IrqWork | undefined)[] = []

  constructor(
    memory: Memory,
    steps: Steps,
    locks: Locks,
    lists: PageLists,
    policies: MemoryPolicies = {},
    reports?: Reports,
  ) {
    this.memory = memory
    this.steps = steps
    this.locks = locks
    this.processors = locks.processors
    this.lists = lists
    this.policies = { ...DEFAULT_POLICIES, ...policies }
    this.debug = this.policies.debug ? new SlabDebug(memory, this.processors, reports) : undefined
    const bytes = cacheBytes(this.processors.cpus.length)
    const at = this.findRoom(bytes * KMALLOC_SIZES.length)
    this.classes = KMALLOC_SIZES.map((size, index) => this.register(at + index * bytes, `kmalloc-${size}`, size))
  }

  /**
   * An object of at least `size` bytes: its offset, or 0 where there is no memory, the group's limit is reached, or
   * ('nolock') a lock was busy twice. Contents are undefined without `zero`.
   */
  alloc(size: number, gfp: Gfp, options: KmallocOptions = PLAIN): number {
    const bytes = this.bytesOf(size)
    if (bytes === 0 || (gfp === 'nolock' && !this.mayTry(size))) return this.failed(size)
    if (options.group !== undefined && !options.group.charge(bytes)) return this.failed(size)
    const object = size > 8192 ? this.allocLarge(bytes, gfp) : this.allocClass(size, gfp)
    if (object === NO_MEMORY) {
      options.group?.uncharge(bytes)
      return this.failed(size)
    }
    if (options.zero === true) zeroBytes(this.memory, object, size)
    return object
  }

  private failed(size: number): number {
    const { events } = this.processors
    if (events.active) events.emit({ kind: 'alloc-failed', allocator: 'kmalloc', size })
    return NO_MEMORY
  }

  /** Frees what `alloc` or a cache gave; `size` and `group` as then where a group paid. 0 is ignored. */
  free(object: number, gfp: Gfp, size = 0, group?: MemoryGroup): void {
    if (object === 0) return
    group?.uncharge(this.bytesOf(size))
    const slab = this.slabOf(object)
    const at = this.steps.load32(descriptor(slab) + SLAB_CACHE) >>> 0
    // Mostly many objects of one cache are freed in a row.
    const cache = this.last?.at === at ? this.last : this.caches.get(at)
    this.last = cache
    if (cache === undefined) this.lists.free(object, gfp !== 'nolock')
    else cache.free(object, slab, gfp)
  }

  /** Bytes that an object of this size takes, 0 where none can be so large. */
  bytesOf(size: number): number {
    if (!(size > 0 && size <= KMALLOC_MAX)) return 0
    return size > 8192 ? PAGE_SIZE * 2 ** orderOf(size) : KMALLOC_SIZES[classIndex(size)]!
  }

  /** The class that objects of this size come from; undefined above the largest. */
  classOf(size: number): KmemCache | undefined {
    return size > 0 && size <= 8192 ? this.classes[classIndex(size)] : undefined
  }

  /** A cache of its own; undefined where there is no memory for its state. */
  createCache(name: string, size: number): KmemCache | undefined {
    const at = this.lists.pages.allocBytes(cacheBytes(this.processors.cpus.length), PageOwner.SLAB)
    return at === 0 ? undefined : this.register(at, name, size)
  }

  /** Gives a cache's memory back; all its objects are free. */
  destroyCache(cache: KmemCache): void {
    this.runDeferred()
    cache.shrink()
    this.caches.delete(cache.at)
    this.last = undefined
    this.lists.pages.freeBytes(cache.at, cacheBytes(this.processors.cpus.length))
  }

  /** Gives all empty slabs, and pages that CPUs keep back, to the zone. From a task, with nobody paused. */
  shrink(): void {
    this.runDeferred()
    for (const cache of this.caches.values()) cache.shrink()
    this.lists.drain()
  }

  /** The first page of the slab, or of the large object, that holds this object. */
  slabOf(object: number): number {
    const slab = this.findSlab(object)
    if (slab === 0) throw new InternalError(`0x${object.toString(16)} is no object of the slab allocator`)
    return slab
  }

  /** Whether an object of a cache starts at this offset, in use or free. Any number may be asked. */
  startsObject(at: number): boolean {
    const slab = this.findSlab(at)
    const cache = slab === 0 ? undefined : this.caches.get(this.steps.load32(descriptor(slab) + SLAB_CACHE) >>> 0)
    if (cache === undefined) return false
    const from = at - slab * PAGE_SIZE
    return from % cache.stride === 0 && from < cache.objects * cache.stride
  }

  /** The object of a cache that this offset lies in; undefined where there is none. Any number may be asked. */
  objectAt(at: number): { readonly cache: KmemCache; readonly object: number } | undefined {
    const slab = this.findSlab(at)
    const cache = slab === 0 ? undefined : this.caches.get(this.steps.load32(descriptor(slab) + SLAB_CACHE) >>> 0)
    if (cache === undefined) return undefined
    const first = slab * PAGE_SIZE
    const index = Math.floor((at - first) / cache.stride)
    return index < cache.objects ? { cache, object: first + index * cache.stride } : undefined
  }

  /** As `slabOf`; 0 where no slab lies. */
  private findSlab(at: number): number {
    const { steps } = this
    const page = at >>> 12
    for (let order = 0; order <= MAX_SLAB_SEARCH; order++) {
      const first = page & (-1 << order)
      const entry = descriptor(first)
      if (steps.load8(entry + STATE) !== USED) continue
      const isSlab = steps.load8(entry + ORDER) >= order && steps.load8(entry + OWNER) === PageOwner.SLAB
      return isSlab ? first : 0
    }
    return 0
  }

  deferObject(object: number, freeOffset: number): void {
    const list = listOf(this.processors.current.id) + DEFERRED_OBJECTS
    this.pushDeferred(list, object, object + freeOffset)
  }

  deferSlab(slab: number): void {
    const list = listOf(this.processors.current.id) + DEFERRED_SLABS
    this.pushDeferred(list, slab, descriptor(slab) + NEXT)
  }

  private allocClass(size: number, gfp: Gfp): number {
    const index = classIndex(size)
    let object = this.classes[index]!.alloc(gfp)
    if (object !== BUSY) return object
    this.passBusy(size)
    if (this.policies.nolock === 'planned' || index + 1 >= this.classes.length) return NO_MEMORY
    object = this.classes[index + 1]!.alloc(gfp)
    if (object === BUSY) this.passBusy(size)
    return object === BUSY ? NO_MEMORY : object
  }

  private passBusy(size: number): void {
    const { points, current } = this.processors
    const point = points.get('nolock:busy')
    if (point.active) point.hit(points.running, current.id, { size })
  }

  private allocLarge(bytes: number, gfp: Gfp): number {
    const order = orderOf(bytes)
    const object = this.lists.alloc(order, PageOwner.SLAB, gfp !== 'nolock')
    if (object !== 0) this.steps.store32(descriptor(object / PAGE_SIZE) + SLAB_CACHE, 0)
    return object
  }

  private mayTry(size: number): boolean {
    const { rt, current } = this.processors
    if (size > 8192) return false
    return !rt || (current.context !== 'nmi' && current.context !== 'hardirq')
  }

  private register(at: number, name: string, size: number): KmemCache {
    const cache = new KmemCache(this, at, name, size)
    this.caches.set(at, cache)
    return cache
  }

  /** Room for kmalloc's caches: behind the CPUs' page lists, where the fixed tables are large enough. */
  private findRoom(bytes: number): number {
    const end = CPU_LISTS + this.processors.cpus.length * CPU_LIST_BYTES
    const fits = end + bytes <= TABLE
    const at = fits ? end : this.lists.pages.allocBytes(bytes, PageOwner.SLAB)
    if (at === 0) throw new InternalError('no memory for the caches of kmalloc')
    this.steps.store32(FIXED_USED, (fits ? end + bytes : end) - CPU_LISTS)
    return at
  }

  private pushDeferred(list: number, item: number, link: number): void {
    const { steps } = this
    for (;;) {
      const first = steps.load32(list)
      steps.store32(link, first)
      if (steps.compareExchange32(list, first, item) === first) break
    }
    this.processors.raise(this.work(this.processors.current.id))
  }

  private work(cpu: number): IrqWork {
    this.works[cpu] ??= makeIrqWork('deferred frees', () => this.runDeferredOf(cpu))
    return this.works[cpu]
  }

  private runDeferred(): void {
    for (const { id } of this.processors.cpus) this.runDeferredOf(id)
  }

  private runDeferredOf(cpu: number): void {
    const { steps } = this
    for (let object = this.takeAll(listOf(cpu) + DEFERRED_OBJECTS); object !== 0; ) {
      const slab = this.slabOf(object)
      const cache = this.caches.get(steps.load32(descriptor(slab) + SLAB_CACHE) >>> 0)
      if (cache === undefined) throw new InternalError('a deferred object belongs to no cache')
      const next = steps.load32(object + cache.freeOffset) >>> 0
      cache.freeSlow(object, slab)
      object = next
    }
    for (let slab = this.takeAll(listOf(cpu) + DEFERRED_SLABS); slab !== 0; ) {
      const next = steps.load32(descriptor(slab) + NEXT)
      this.caches.get(steps.load32(descriptor(slab) + SLAB_CACHE) >>> 0)?.addSlab(slab)
      slab = next
    }
  }

  private takeAll(list: number): number {
    const { steps } = this
    let first = steps.load32(list)
    for (let seen = steps.compareExchange32(list, first, 0); seen !== first; ) {
      first = seen
      seen = steps.compareExchange32(list, first, 0)
    }
    return first >>> 0
  }
}

/** Order of the largest block that may hold the object: KMALLOC_MAX. */
const MAX_SLAB_SEARCH = 10

/** Index of the class for sizes up to 8192, by eights. */
const CLASS_OF_EIGHTS: Uint8Array = Uint8Array.from({ length: 1025 }, (_, eights) =>
  KMALLOC_SIZES.findIndex((size) => size >= 8 * eights),
)

/** Index of the smallest class for 1 to 8192 bytes. */
function classIndex(size: number): number {
  return CLASS_OF_EIGHTS[Math.ceil(size / 8)]!
}

function orderOf(bytes: number): number {
  const pages = Math.ceil(bytes / PAGE_SIZE)
  return pages <= 1 ? 0 : 32 - Math.clz32(pages - 1)
}
