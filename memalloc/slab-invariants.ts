/**
 * Walks every slab and compares everything it says twice, with nobody in the middle of an operation. For tests and for
 * looking into a machine; it changes nothing.
 */
import { InternalError } from '../errors/errors.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { Kmalloc } from './kmalloc.ts'
import { checkPages } from './page-invariants.ts'
import { descriptor, NEXT, PREV } from './page-layout.ts'
import { DEFERRED_OBJECTS, DEFERRED_SLABS, listOf } from './page-lists.ts'
import { PageOwner } from './pages.ts'
import type { KmemCache } from './slab.ts'
import {
  CPU_FREELIST,
  CPU_SLAB,
  CPU_SLAB_BYTES,
  CPU_SLABS,
  FROZEN,
  PARTIAL_COUNT,
  PARTIAL_HEAD,
  PARTIAL_TAIL,
  SLAB_CACHE,
  SLAB_COUNTERS,
  SLAB_FREELIST,
  SLABS,
} from './slab-layout.ts'

/**
 * Throws InternalError unless every object of every slab is on exactly one list or in use. Returns the objects in use,
 * whoever has them.
 */
export function checkSlabs(slab: Kmalloc): ReadonlySet<number> {
  const walk = new Walk(slab)
  const used = new Set<number>()
  const slabs = new Map<number, number[]>()
  for (const { page, free, cached, owner } of checkPages(slab.memory)) {
    if (free || cached || owner !== PageOwner.SLAB) continue
    const at = walk.word(descriptor(page) + SLAB_CACHE)
    const cache = slab.caches.get(at)
    if (cache === undefined) continue
    slabs.set(at, [...(slabs.get(at) ?? []), page])
    walk.checkSlab(cache, page, used)
  }
  for (const cache of slab.caches.values()) walk.checkCache(cache, slabs.get(cache.at) ?? [])
  return used
}

class Walk {
  private readonly slab: Kmalloc
  private readonly deferred: Set<number> = new Set()
  private readonly deferredSlabs: Set<number> = new Set()
  /** CPU lists by slab. */
  private readonly cpuLists: Map<number, number> = new Map()
  private readonly partial: Set<number> = new Set()

  constructor(slab: Kmalloc) {
    this.slab = slab
    for (const { id } of slab.processors.cpus) {
      for (let page = this.word(listOf(id) + DEFERRED_SLABS); page !== 0; page = this.word(descriptor(page) + NEXT)) {
        this.deferredSlabs.add(page)
      }
      for (let object = this.word(listOf(id) + DEFERRED_OBJECTS); object !== 0; ) {
        this.deferred.add(object)
        const cache = slab.caches.get(this.word(descriptor(slab.slabOf(object)) + SLAB_CACHE))
        object = this.word(object + cache!.freeOffset)
      }
      for (const cache of slab.caches.values()) this.readCpu(cache, id)
    }
    for (const cache of slab.caches.values()) this.readPartial(cache)
  }

  word(at: number): number {
    return this.slab.memory.i32[at / 4]! >>> 0
  }

  checkSlab(cache: KmemCache, page: number, used: Set<number>): void {
    const at = descriptor(page)
    const own = this.list(cache, page, this.word(at + SLAB_FREELIST))
    const ofCpu = this.list(cache, page, this.cpuLists.get(page) ?? 0)
    const counters = this.word(at + SLAB_COUNTERS)
    const frozen = (counters & FROZEN) !== 0
    for (const object of own) if (ofCpu.has(object)) fail(cache, object, 'is on two lists')
    if ((counters & ~FROZEN) !== cache.objects - own.size) fail(cache, page * PAGE_SIZE, `counts ${counters} in use`)
    if (frozen !== (this.cpuLists.has(page) || this.deferredSlabs.has(page))) {
      fail(cache, page * PAGE_SIZE, frozen ? 'is frozen without a CPU' : 'belongs to a CPU and is not frozen')
    }
    if (this.partial.has(page) !== (!frozen && own.size > 0)) {
      fail(cache, page * PAGE_SIZE, 'is on the partial list and should not be, or the other way round')
    }
    for (let index = 0; index < cache.objects; index++) {
      const object = page * PAGE_SIZE + index * cache.stride
      const free = own.has(object) || ofCpu.has(object)
      if (free && this.deferred.has(object)) fail(cache, object, 'is free, and its free was put off')
      if (!free && !this.deferred.has(object)) used.add(object)
    }
  }

  checkCache(cache: KmemCache, slabs: readonly number[]): void {
    if (this.word(cache.at + SLABS) !== slabs.length) fail(cache, 0, `counts slabs wrong: there are ${slabs.length}`)
  }

  private readCpu(cache: KmemCache, cpu: number): void {
    const at = cache.at + CPU_SLABS + cpu * CPU_SLAB_BYTES
    const page = this.word(at + CPU_SLAB)
    const first = this.word(at + CPU_FREELIST)
    if (page === 0) {
      if (first !== 0) fail(cache, first, `is on a list of CPU ${cpu}, which has no slab`)
      return
    }
    if (this.cpuLists.has(page)) fail(cache, page * PAGE_SIZE, 'belongs to two CPUs')
    this.cpuLists.set(page, first)
  }

  private readPartial(cache: KmemCache): void {
    let count = 0
    let prev = 0
    for (let page = this.word(cache.at + PARTIAL_HEAD); page !== 0; page = this.word(descriptor(page) + NEXT)) {
      if (this.partial.has(page)) fail(cache, page * PAGE_SIZE, 'is on the partial list twice')
      if (this.word(descriptor(page) + PREV) !== prev) fail(cache, page * PAGE_SIZE, 'does not link back')
      this.partial.add(page)
      prev = page
      count++
    }
    if (this.word(cache.at + PARTIAL_TAIL) !== prev) fail(cache, prev * PAGE_SIZE, 'is the last, and not noted so')
    if (this.word(cache.at + PARTIAL_COUNT) !== count) fail(cache, 0, `counts ${count} partial slabs wrong`)
  }

  private list(cache: KmemCache, page: number, first: number): ReadonlySet<number> {
    const objects = new Set<number>()
    for (let object = first; object !== 0; object = this.word(object + cache.freeOffset)) {
      const index = (object - page * PAGE_SIZE) / cache.stride
      if (!Number.isInteger(index) || index < 0 || index >= cache.objects)
        fail(cache, object, 'is no object of its slab')
      if (objects.has(object)) fail(cache, object, 'is on its list twice')
      objects.add(object)
    }
    return objects
  }
}

function fail(cache: KmemCache, at: number, what: string): never {
  throw new InternalError(`${cache.name}: 0x${at.toString(16)} ${what}`)
}
