/**
 * The CPUs' page lists, in front of the zone: blocks of order 0 to 3, kept back for this CPU.
 *
 *     CPU c     lock | order 0: first page, count | … | order 3 | …       a cache line
 *                       │
 *                       └─> page ── page ── page                          linked by the descriptors' `next`
 *
 * They hold the form of page allocation that works in any context (spec: alloc_pages_nolock, Linux 6.15): it tries the
 * list's lock and the zone's, waits for neither, and may answer "none" with gigabytes free. Its free never fails: a
 * page that no lock can be had for waits for the next one who holds the zone lock.
 */
import type { Locks } from '../cpu/locks.ts'
import type { Processors } from '../cpu/processors.ts'
import type { Steps } from '../memory/steps.ts'
import { CPU_LIST_BYTES, CPU_LISTS, descriptor, NEXT, ORDER } from './page-layout.ts'
import type { PageAllocator, PageOwner } from './pages.ts'

/** Largest order that the lists keep. */
export const LIST_MAX_ORDER = 3

// Fields of a CPU's lists.
const LOCK = 0
const HEADS = 8
/** Objects and slabs whose free was put off (slab-defer.ts). */
export const DEFERRED_OBJECTS = 40
export const DEFERRED_SLABS = 44

/** Pages moved between a list and the zone at once, and how many a list may keep. */
const BATCH_PAGES = 8
const HIGH_PAGES = 24

export class PageLists {
  readonly pages: PageAllocator
  private readonly steps: Steps
  private readonly locks: Locks
  private readonly processors: Processors

  constructor(pages: PageAllocator, steps: Steps, locks: Locks) {
    this.pages = pages
    this.steps = steps
    this.locks = locks
    this.processors = locks.processors
  }

  /**
   * A block of 2^order zero pages for `owner`: its offset, or 0. With `spin` false in any context (alloc_pages_nolock):
   * 0 where a lock is busy too, in an NMI or hardirq of an RT machine, and for orders above LIST_MAX_ORDER.
   */
  alloc(order: number, owner: PageOwner, spin: boolean): number {
    if (!spin && (order > LIST_MAX_ORDER || !this.mayTry())) return 0
    if (!this.pages.charge(2 ** order, owner)) return 0
    let page = order > LIST_MAX_ORDER ? this.pages.take(order, spin) : this.takeFrom(order, spin)
    if (page === 0 && spin) {
      // What other CPUs keep back is the last that is left.
      this.drain()
      page = this.pages.take(order, spin)
    }
    if (page !== 0) return this.pages.use(page, owner)
    this.pages.uncharge(2 ** order, owner)
    return 0
  }

  /** Frees what `alloc` gave; with `spin` false in any context (free_pages_nolock). Never fails. */
  free(offset: number, spin: boolean): void {
    const page = this.pages.disuse(offset)
    const order = this.steps.load8(descriptor(page) + ORDER)
    const { current } = this.processors
    const list = listOf(current.id)
    const irqs = current.irqSave()
    if (order <= LIST_MAX_ORDER && this.locks.tryLock(list + LOCK, NAME)) {
      const count = this.push(list, order, page)
      if (count * 2 ** order > HIGH_PAGES) this.giveBack(list, order, batchOf(order), spin)
      this.locks.unlock(list + LOCK)
    } else {
      this.pages.give(page, spin)
    }
    current.irqRestore(irqs)
  }

  /** Gives what all CPUs keep back to the zone; lists in use are left alone. */
  drain(): void {
    const { current, cpus } = this.processors
    const irqs = current.irqSave()
    for (const { id } of cpus) {
      const list = listOf(id)
      if (!this.locks.tryLock(list + LOCK, NAME)) continue
      for (let order = 0; order <= LIST_MAX_ORDER; order++) this.giveBack(list, order, Infinity, true)
      this.locks.unlock(list + LOCK)
    }
    current.irqRestore(irqs)
  }

  /** Pages that lie on a CPU's lists. */
  kept(cpu: number): number {
    let pages = 0
    for (let order = 0; order <= LIST_MAX_ORDER; order++) {
      pages += this.steps.load32(listOf(cpu) + HEADS + 8 * order + 4) * 2 ** order
    }
    return pages
  }

  /** On RT the locks sleep, and even trying one is only allowed where a task could. */
  private mayTry(): boolean {
    const { current, rt } = this.processors
    return !rt || (current.context !== 'nmi' && current.context !== 'hardirq')
  }

  /** A block from this CPU's list, filled from the zone where it is empty. */
  private takeFrom(order: number, spin: boolean): number {
    const { current } = this.processors
    const list = listOf(current.id)
    const irqs = current.irqSave()
    let page = 0
    if (this.locks.tryLock(list + LOCK, NAME)) {
      page = this.pop(list, order)
      if (page === 0) page = this.refill(list, order, spin)
      this.locks.unlock(list + LOCK)
    } else {
      page = this.pages.take(order, spin)
    }
    current.irqRestore(irqs)
    return page
  }

  /** Takes a batch from the zone; the first of it is for the caller. */
  private refill(list: number, order: number, spin: boolean): number {
    const first = this.pages.take(order, spin)
    if (first === 0) return 0
    for (let got = 1; got < batchOf(order); got++) {
      const page = this.pages.take(order, spin)
      if (page === 0) break
      this.push(list, order, page)
    }
    return first
  }

  private giveBack(list: number, order: number, count: number, spin: boolean): void {
    for (let given = 0; given < count; given++) {
      const page = this.pop(list, order)
      if (page === 0) return
      this.pages.give(page, spin)
    }
  }

  private push(list: number, order: number, page: number): number {
    const head = list + HEADS + 8 * order
    this.steps.store32(descriptor(page) + NEXT, this.steps.load32(head))
    this.steps.store32(head, page)
    return this.steps.add32(head + 4, 1) + 1
  }

  private pop(list: number, order: number): number {
    const head = list + HEADS + 8 * order
    const page = this.steps.load32(head)
    if (page === 0) return 0
    this.steps.store32(head, this.steps.load32(descriptor(page) + NEXT))
    this.steps.add32(head + 4, -1)
    return page
  }
}

const NAME = "a CPU's page list"

/** Offset of a CPU's lists. */
export function listOf(cpu: number): number {
  return CPU_LISTS + cpu * CPU_LIST_BYTES
}

function batchOf(order: number): number {
  return Math.max(1, BATCH_PAGES >> order)
}
