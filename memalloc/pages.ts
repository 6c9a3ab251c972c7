/**
 * The page allocator of kernel memory: a binary buddy allocator (buddy.ts), its lock, and what is charged for its pages.
 * page-layout.ts shows where its state lies.
 *
 * All state is in kernel memory, and zero means "nothing yet": a fresh memory needs no initialisation, and any handle
 * over the same memory sees the same allocator. Only what lies below the high-water mark was ever written to.
 *
 * Free pages are always all zero: `free` clears them, `alloc` need not. The lists are changed under the zone lock, with
 * interrupts off. Whoever may not spin takes pages by `take` and `give`, which try the lock once (page-lists.ts).
 */
import { Locks } from '../cpu/locks.ts'
import type { AttachPoint } from '../cpu/points.ts'
import { Processors } from '../cpu/processors.ts'
import { InternalError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'
import { type Touched, zeroRange } from '../memory/pool.ts'
import type { Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { clear, endOfUsedBlock, hex, orderOf, release, takeBlock, trim, usedOrder } from './buddy.ts'
import type { MemoryGroup } from './group.ts'
import {
  CACHED,
  CPU_LISTS,
  DEFERRED,
  descriptor,
  FIRST_PAGE,
  FIXED_USED,
  FRONTIER,
  HEADER,
  HEADER_END,
  HIGH_WATER,
  LIST_LENGTHS,
  MAX_ORDER,
  NEXT,
  ORDER,
  OWNER,
  OWNER_PAGES,
  PAGE_LIMIT,
  PAGES_USED,
  RUN_AREAS,
  STATE,
  USED,
  USER_BUFFERS_END,
  ZONE_LOCK,
} from './page-layout.ts'

const ZONE = 'the zone lock'

/** Who a page was handed to. */
export const PageOwner = {
  STACK: 1,
  CONTEXT: 2,
  MAP: 3,
  ARENA: 4,
  SLAB: 5,
  PERCPU: 6,
  OTHER: 7,
  /** Control blocks of bpf_mem_alloc; its objects are SLAB and PERCPU. */
  BPF_MEM: 8,
} as const
export type PageOwner = (typeof PageOwner)[keyof typeof PageOwner]

export interface PageStatistics {
  /** Pages in use, charged ones of arenas among them. */
  readonly used: number
  /** Pages that may be in use at once. */
  readonly limit: number
  /** Pages in use by owner's name, owners without pages left out. */
  readonly byOwner: Readonly<Partial<Record<keyof typeof PageOwner, number>>>
  /** Free blocks by order, below the frontier. */
  readonly freeBlocks: readonly number[]
}

export class PageAllocator {
  private readonly memory: Memory
  private readonly steps: Steps
  private readonly locks: Locks
  private readonly processors: Processors
  private readonly lockPoint: AttachPoint
  private readonly unlockPoint: AttachPoint
  /** Who pays beside the machine, and the machine's handle then. */
  private readonly paid: { readonly group: MemoryGroup; readonly machine: PageAllocator } | undefined

  /** A handle onto the allocator that lives in this memory. */
  constructor(
    memory: Memory,
    steps: Steps,
    locks: Locks = new Locks(steps, new Processors()),
    paid?: { readonly group: MemoryGroup; readonly machine: PageAllocator },
  ) {
    this.paid = paid
    this.memory = memory
    this.steps = steps
    this.locks = locks
    this.processors = locks.processors
    this.lockPoint = this.processors.points.get('page:lock')
    this.unlockPoint = this.processors.points.get('page:unlock')
  }

  /** A handle whose pages a group pays for: what it gives is given back to it. */
  paidBy(group: MemoryGroup): PageAllocator {
    return new PageAllocator(this.memory, this.steps, this.locks, { group, machine: this })
  }

  /** Bytes that may be in use at once, rounded down to pages, but one page at least; 0 for no limit. */
  setLimit(bytes: number): void {
    const pages = bytes === 0 ? 0 : Math.max(Math.floor(bytes / PAGE_SIZE), 1)
    this.steps.store32(PAGE_LIMIT, Math.min(pages, 2 ** 31 - 1))
  }

  /** A block of 2^order pages, all zero: its byte offset, or 0 where there is none or the limit is reached. */
  alloc(order: number, owner: PageOwner): number {
    return this.allocPages(2 ** order, owner)
  }

  /** `count` contiguous zero pages, aligned to the next power of two of their size: byte offset, or 0. */
  allocPages(count: number, owner: PageOwner, exempt = false): number {
    if (!(count > 0 && count <= 2 ** MAX_ORDER) || !this.charge(count, owner, exempt)) return 0
    const order = orderOf(count)
    const irqs = this.processors.current.irqSave()
    this.lock()
    const page = takeBlock(this.steps, order)
    if (page !== 0) {
      trim(this.steps, page, order, count, owner)
      this.raiseHighWater(page + count)
    }
    this.unlock()
    this.processors.current.irqRestore(irqs)
    if (page === 0) this.uncharge(count, owner)
    return page * PAGE_SIZE
  }

  /**
   * A block for a CPU's list, neither charged nor in use: its page, or 0. Where `spin` is false, a lock that is held
   * counts as nothing there.
   */
  take(order: number, spin: boolean): number {
    const irqs = this.processors.current.irqSave()
    let page = 0
    if (this.lockOrTry(spin)) {
      page = takeBlock(this.steps, order)
      if (page !== 0) {
        this.steps.store8(descriptor(page) + STATE, CACHED)
        this.steps.store8(descriptor(page) + ORDER, order)
        this.raiseHighWater(page + 2 ** order)
      }
      this.unlock()
    }
    this.processors.current.irqRestore(irqs)
    return page
  }

  /** Takes back what `take` gave; where the lock is held and `spin` is false, the next who holds it does. */
  give(page: number, spin: boolean): void {
    const irqs = this.processors.current.irqSave()
    if (this.lockOrTry(spin)) {
      this.takeBack(page)
      this.unlock()
    } else {
      this.defer(page)
    }
    this.processors.current.irqRestore(irqs)
  }

  /** Marks a block that `take` gave as in use; the caller has charged it. Its offset. */
  use(page: number, owner: PageOwner): number {
    this.steps.store8(descriptor(page) + OWNER, owner)
    this.steps.store8(descriptor(page) + STATE, USED)
    return page * PAGE_SIZE
  }

  /** The other way: uncharged, zeroed, and the caller's to `give`. Its page. */
  disuse(offset: number): number {
    const page = offset / PAGE_SIZE
    const order = usedOrder(this.steps, page)
    const at = descriptor(page)
    this.uncharge(2 ** order, this.steps.load8(at + OWNER))
    zeroRange(this.memory, offset, offset + PAGE_SIZE * 2 ** order)
    clear(this.steps, page)
    this.steps.store8(at + ORDER, order)
    this.steps.store8(at + STATE, CACHED)
    return page
  }

  private lockOrTry(spin: boolean): boolean {
    if (!spin) {
      if (!this.locks.tryLock(ZONE_LOCK, ZONE)) return false
    } else {
      this.locks.lock(ZONE_LOCK, ZONE)
    }
    if (this.steps.load32(DEFERRED) !== 0) this.takeDeferred()
    if (this.lockPoint.active) this.lockPoint.hit(this.processors.points.running, this.processors.current.id)
    return true
  }

  private lock(): void {
    this.lockOrTry(true)
  }

  private unlock(): void {
    if (this.unlockPoint.active) this.unlockPoint.hit(this.processors.points.running, this.processors.current.id)
    this.locks.unlock(ZONE_LOCK)
  }

  /** Queues a page that cannot be given back now. */
  private defer(page: number): void {
    const { steps } = this
    for (;;) {
      const first = steps.load32(DEFERRED)
      steps.store32(descriptor(page) + NEXT, first)
      if (steps.compareExchange32(DEFERRED, first, page) === first) return
    }
  }

  /** Gives back all pages that were queued, under the lock. */
  private takeDeferred(): void {
    const { steps } = this
    let page = steps.load32(DEFERRED)
    for (let seen = steps.compareExchange32(DEFERRED, page, 0); seen !== page; ) {
      page = seen
      seen = steps.compareExchange32(DEFERRED, page, 0)
    }
    while (page !== 0) {
      const next = steps.load32(descriptor(page) + NEXT)
      this.takeBack(page)
      page = next
    }
  }

  private takeBack(page: number): void {
    const order = this.steps.load8(descriptor(page) + ORDER)
    clear(this.steps, page)
    release(this.steps, page, order)
  }

  private raiseHighWater(end: number): void {
    const above = end - FIRST_PAGE
    if (above > this.steps.load32(HIGH_WATER)) this.steps.store32(HIGH_WATER, above)
  }

  /** Zero memory for `bytes` bytes, for now in whole pages: byte offset, or 0. */
  allocBytes(bytes: number, owner: PageOwner): number {
    return this.allocPages(Math.ceil(bytes / PAGE_SIZE), owner)
  }

  /**
   * A buffer for the time of one system call, which the limit does not refuse, as on Linux: at the limit, user space
   * could give nothing back else. Its offset, or 0.
   */
  borrowBytes(bytes: number): number {
    return this.allocPages(Math.ceil(bytes / PAGE_SIZE), PageOwner.OTHER, true)
  }

  /** Frees what `alloc` gave. Anything else, a second free among it, is an InternalError. */
  free(offset: number): void {
    const page = offset / PAGE_SIZE
    this.freePages(offset, 2 ** usedOrder(this.steps, page))
  }

  /** Frees what `allocPages` gave for the same count. */
  freePages(offset: number, count: number): void {
    for (let page = offset / PAGE_SIZE, left = count; left > 0; ) {
      const order = usedOrder(this.steps, page)
      const pages = 2 ** order
      if (pages > left) throw new InternalError(`freed ${count} pages at ${hex(offset)}, which are part of a block`)
      this.uncharge(pages, this.steps.load8(descriptor(page) + OWNER))
      zeroRange(this.memory, page * PAGE_SIZE, (page + pages) * PAGE_SIZE)
      const irqs = this.processors.current.irqSave()
      this.lock()
      clear(this.steps, page)
      release(this.steps, page, order)
      this.unlock()
      this.processors.current.irqRestore(irqs)
      page += pages
      left -= pages
    }
  }

  /** Frees what `allocBytes` gave for the same size. */
  freeBytes(offset: number, bytes: number): void {
    this.freePages(offset, Math.ceil(bytes / PAGE_SIZE))
  }

  /**
   * Counts pages against the limit without handing any out: an arena's pages lie in a memory of their own, and count
   * all the same. False, and nothing counted, where the limit would be passed; `exempt`: it may be.
   */
  charge(pages: number, owner: PageOwner, exempt = false): boolean {
    if (this.paid !== undefined) return this.chargeGroup(this.paid, pages, owner, exempt)
    const limit = this.steps.load32(PAGE_LIMIT)
    // Added first: of two that pass the limit together, at least one sees it.
    if (this.steps.add32(PAGES_USED, pages) + pages > limit && limit !== 0 && !exempt) {
      this.steps.add32(PAGES_USED, -pages)
      const { events } = this.processors
      if (events.active) events.emit({ kind: 'alloc-failed', allocator: 'pages', size: pages * PAGE_SIZE })
      this.reachLimit(pages)
      return false
    }
    this.steps.add32(OWNER_PAGES + 4 * owner, pages)
    this.tell('pages-alloc', pages, owner)
    return true
  }

  private chargeGroup(
    { group, machine }: NonNullable<typeof this.paid>,
    pages: number,
    owner: PageOwner,
    exempt: boolean,
  ): boolean {
    if (!group.charge(pages * PAGE_SIZE)) {
      const { events } = this.processors
      if (events.active) events.emit({ kind: 'alloc-failed', allocator: 'pages', size: pages * PAGE_SIZE })
      return false
    }
    if (machine.charge(pages, owner, exempt)) return true
    group.uncharge(pages * PAGE_SIZE)
    return false
  }

  /** Told of the first request that the limit refuses, and again once a quarter was free in between. */
  onLimit: (pages: number) => void = () => undefined
  private atLimit = false

  private reachLimit(pages: number): void {
    if (this.atLimit) return
    this.atLimit = true
    this.onLimit(pages)
  }

  /** Takes back a charge. */
  uncharge(pages: number, owner: number): void {
    if (this.paid !== undefined) {
      this.paid.machine.uncharge(pages, owner)
      this.paid.group.uncharge(pages * PAGE_SIZE)
      return
    }
    if (this.steps.load32(OWNER_PAGES + 4 * owner) < pages) {
      throw new InternalError(`uncharged ${pages} pages of owner ${owner}, which has fewer`)
    }
    this.steps.add32(PAGES_USED, -pages)
    this.steps.add32(OWNER_PAGES + 4 * owner, -pages)
    this.tell('pages-free', pages, owner)
    if (this.atLimit) this.atLimit = this.steps.load32(PAGES_USED) > 0.75 * this.steps.load32(PAGE_LIMIT)
  }

  private tell(kind: 'pages-alloc' | 'pages-free', pages: number, owner: number): void {
    const { events } = this.processors
    if (events.active) events.emit({ kind, owner: ownerName(owner), pages })
  }

  /** Whether all of `[offset, offset + bytes)` lies in pages handed out; the blocks may be several. */
  isAllocated(offset: number, bytes = 1): boolean {
    const end = offset + bytes
    for (let at = offset; at < end; ) {
      const page = Math.floor(at / PAGE_SIZE)
      const blockEnd = endOfUsedBlock(this.steps, page)
      if (blockEnd === 0) return false
      at = blockEnd * PAGE_SIZE
    }
    return true
  }

  /** What was ever written to, for the pool. */
  touched(): Touched {
    return touchedPages(this.memory)
  }

  statistics(): PageStatistics {
    const byOwner: Partial<Record<keyof typeof PageOwner, number>> = {}
    for (const name of Object.keys(PageOwner) as (keyof typeof PageOwner)[]) {
      const pages = this.steps.load32(OWNER_PAGES + 4 * PageOwner[name])
      if (pages > 0) byOwner[name] = pages
    }
    const freeBlocks = Array.from({ length: MAX_ORDER + 1 }, (_, order) => this.steps.load32(LIST_LENGTHS + 4 * order))
    const limit = this.steps.load32(PAGE_LIMIT) || Infinity
    return { used: this.steps.load32(PAGES_USED), limit, byOwner, freeBlocks }
  }
}

function ownerName(owner: number): string {
  const names = Object.keys(PageOwner) as (keyof typeof PageOwner)[]
  return (names.find((name) => PageOwner[name] === owner) ?? 'OTHER').toLowerCase()
}

/** What was ever written to in a kernel memory: found in its own bytes, so that the machine may be gone. */
export function touchedPages(memory: Memory): Touched {
  const frontier = FIRST_PAGE + memory.i32[FRONTIER >>> 2]!
  const highWater = FIRST_PAGE + memory.i32[HIGH_WATER >>> 2]!
  return [
    [RUN_AREAS, USER_BUFFERS_END],
    [HEADER, HEADER_END],
    [CPU_LISTS, CPU_LISTS + memory.i32[FIXED_USED >>> 2]!],
    [descriptor(FIRST_PAGE), descriptor(frontier)],
    [FIRST_PAGE * PAGE_SIZE, highWater * PAGE_SIZE],
  ]
}
