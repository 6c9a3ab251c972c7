/**
 * One bpf_arena: which pages are allocated, which are present, and where user space sees them.
 *
 *     kernel memory    page table (1 MiB), nodes of the free ranges
 *     own memory       4 GiB; the page with user address A lies at the low 32 bits of A, in user space and in BPF
 *
 *     page number p (free ranges, arguments)  <->  address: window start + 4096 p, low 32 bits
 *
 * A page is free or taken; a taken one is present (it has memory) or merely reserved. Absent pages are all zero.
 *
 * To make one: `new Arena(spec, { kernel, random, … })` with the machine's Kernel and its source of random numbers.
 * BPF code: allocPages, freePages, reservePages with register halves; castHigh; access.ts and page-table.ts for loads
 * and stores at the low half of a register. User space: mmap (mapping.ts) and what it returns.
 * Rules: Linux 6.18, kernel/bpf/arena.c as observed; where eras differ the placement policy says.
 */
import type { Btf } from '../btf/types.ts'
import { ERRNO, type Errno, ErrnoError, HarenaError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { Memory } from '../memory/memory.ts'
import { giveBack, type HugePages, type Lease, takeMemory, zeroRange } from '../memory/pool.ts'
import { MAP_FLAGS, PAGE_SIZE } from '../program/types.ts'
import { BestFit } from './best-fit.ts'
import { type ArenaSpec, checkArenaSpec } from './creation.ts'
import { FirstFit } from './first-fit.ts'
import { makeNodeStore } from './maple/store.ts'
import type { ArenaMapping } from './mapping.ts'
import { type MapRequest, mapArena } from './mmap.ts'
import { PAGE_TABLE_ORDER, PageTable, WINDOW_PAGES } from './page-table.ts'
import { UserProcess } from './process.ts'
import type { FreeRanges, Placement } from './ranges.ts'
import { TouchedPages } from './touched.ts'

export interface ArenaOptions {
  readonly kernel: Kernel
  /** 32 random bits: user addresses come from it. */
  readonly random: () => number
  /** Default best-fit. */
  readonly placement?: Placement
  /** The process that maps when a request names none. */
  readonly process?: UserProcess
  /** Types for `struct` and `list` of mappings. */
  readonly btf?: Btf | undefined
  /** Kept alive as long as the arena is in use: the machine. */
  readonly owner?: object
  /** Where its memory has huge pages from; default none. */
  readonly hugePages?: HugePages | undefined
}

/** What allocPages returns for NULL. */
export const NO_PAGES = -1

export class Arena {
  readonly spec: ArenaSpec
  readonly memory: Memory
  readonly table: PageTable
  readonly btf: Btf | undefined
  readonly owner: object | undefined
  readonly random: () => number
  readonly process: UserProcess
  readonly noUserConv: boolean
  readonly segvOnFault: boolean

  /** User address of page 0; undefined until map_extra or the first mapping says. */
  userStart: bigint | undefined
  /** Halves of userStart, as int32. */
  userLow = 0
  userHigh = 0
  /** What addr_space_cast to user space puts into the upper half, unless the low half is 0: then 0. */
  castHigh = 0
  /** Pages of the user window; 0 until it is known. */
  windowPages = 0
  frozen = false
  /** A writable mapping was made at some time: freezing is EBUSY from then on. */
  everWritable = false
  /** Live mappings, of all processes. */
  readonly mappings: Set<ArenaMapping> = new Set()

  readonly #kernel: Kernel
  readonly #ranges: FreeRanges
  readonly #touched: TouchedPages
  readonly #lease: Lease
  #closed = false

  /** Throws ErrnoError: EINVAL, E2BIG, ERANGE as Linux does, ENOMEM when the machine's memory limit is reached. */
  constructor(spec: ArenaSpec, options: ArenaOptions) {
    checkArenaSpec(spec)
    const { kernel } = options
    this.spec = spec
    this.btf = options.btf
    this.owner = options.owner
    this.random = options.random
    this.process = options.process ?? new UserProcess('main')
    this.noUserConv = (spec.flags & MAP_FLAGS.no_user_conv) !== 0
    this.segvOnFault = (spec.flags & MAP_FLAGS.segv_on_fault) !== 0
    this.#kernel = kernel
    this.memory = takeMemory(options.hugePages)
    const table = kernel.pages.alloc(PAGE_TABLE_ORDER, PageOwner.ARENA)
    const nodes = table === 0 ? undefined : makeNodeStore(kernel.memory, kernel.pages)
    if (nodes === undefined) {
      if (table !== 0) kernel.pages.free(table)
      giveBack(this.memory, [])
      throw new ErrnoError('ENOMEM', `arena ${spec.name}: no memory for its page table`)
    }
    this.table = new PageTable(kernel.memory, table)
    this.#ranges = options.placement === 'first-fit' ? new FirstFit(nodes) : new BestFit(nodes, spec.maxEntries)
    this.#touched = new TouchedPages(this.table)
    this.#lease = { memory: this.memory, touched: this.#touched.spans }
    kernel.leases.push(this.#lease)
    if (spec.extra !== 0n) this.setWindow(spec.extra, spec.maxEntries)
  }

  /** Fixes where user space sees the arena, for ever. `pages` may differ from max_entries. */
  setWindow(start: bigint, pages: number): void {
    this.userStart = start
    this.windowPages = pages
    this.userLow = Number(BigInt.asIntN(32, start))
    this.userHigh = Number(BigInt.asIntN(32, start >> 32n))
    this.castHigh = this.noUserConv ? 0 : this.userHigh
  }

  /**
   * bpf_arena_alloc_pages. The address by halves, 0 for anywhere (its upper half counts for that alone); `node` -1 or
   * 0. Returns the low half of the user address, unsigned, whose upper half is `userHigh`; NO_PAGES for NULL.
   */
  allocPages(low: number, high: number, count: number, node: number, flagsLow: number, flagsHigh: number): number {
    const pages = count >>> 0
    if ((flagsLow | flagsHigh) !== 0 || (node !== -1 && node !== 0)) return NO_PAGES
    if (pages === 0 || pages > this.windowPages) return NO_PAGES
    let page: number
    if ((low | high) === 0) {
      page = this.#ranges.find(pages, this.windowPages)
      if (page < 0) return NO_PAGES
    } else {
      page = this.pageOf(low)
      if (low % PAGE_SIZE !== 0 || page > this.windowPages - pages) return NO_PAGES
      if (!this.#ranges.covered(page, pages)) return NO_PAGES
    }
    if (this.#ranges.clear(page, pages) !== 0) return NO_PAGES
    if (!this.#populate(page, pages)) {
      this.#ranges.set(page, pages)
      return NO_PAGES
    }
    return this.indexOf(page) * PAGE_SIZE
  }

  /**
   * bpf_arena_free_pages: makes the pages free and absent, whatever they were. Nothing for address 0 or count 0.
   * Clipped at the window's end but, as in Linux 6.18, not at its start: pages below it become allocatable.
   */
  freePages(low: number, high: number, count: number): void {
    if ((low | high) === 0) return
    const first = (low >>> 0) - ((low >>> 0) % PAGE_SIZE)
    const end = (this.userLow >>> 0) + this.windowPages * PAGE_SIZE
    const pages = Math.min(count >>> 0, (end - first) / PAGE_SIZE)
    if (pages <= 0) return
    this.#ranges.set(this.pageOf(first), pages)
    const last = first / PAGE_SIZE + pages - 1
    for (let at = this.table.next(first / PAGE_SIZE, last); at >= 0; ) {
      const end = this.table.endOfRun(at, last)
      this.#discard(at, end)
      at = this.table.next(end + 1, last)
    }
  }

  /**
   * bpf_arena_reserve_pages: 0, -EINVAL outside the window, -EBUSY when any page is taken. Count 0 and an unaligned
   * address give 0 and reserve nothing.
   */
  reservePages(low: number, _high: number, count: number): number {
    const pages = count >>> 0
    if (pages === 0 || low % PAGE_SIZE !== 0) return 0
    const page = this.pageOf(low)
    if (page + pages > this.windowPages) return -ERRNO.EINVAL
    if (!this.#ranges.covered(page, pages)) return -ERRNO.EBUSY
    return this.#ranges.clear(page, pages)
  }

  /**
   * A user's touch of the page at this index of the page table, inside the window. False means SIGSEGV. An absent page
   * is allocated, be it free or reserved (the first-fit era refuses reserved ones), unless SEGV_ON_FAULT forbids.
   */
  faultIn(index: number): boolean {
    if (this.table.has(index)) return true
    if (this.segvOnFault) return false
    const page = this.pageOf(index * PAGE_SIZE)
    if (this.#ranges.take(page) !== 0) return false
    if (this.#populate(page, 1)) return true
    this.#ranges.set(page, 1)
    return false
  }

  /**
   * A user mapping, by the rules of mmap(2) (see mmap.ts). Without a request: the one that the usual process has; if
   * it has none, one at the window, or at an address of harena's choice while there is no window.
   */
  mmap(request?: MapRequest): ArenaMapping {
    this.assertOpen()
    if (request !== undefined) return mapArena(this, request)
    for (const mapping of this.mappings) if (mapping.process === this.process) return mapping
    const { userStart: address } = this
    return mapArena(this, address === undefined ? {} : { address, fixed: true })
  }

  /** BPF_MAP_FREEZE: no writable mapping from now on. EBUSY after any writable mapping, EPERM the second time. */
  freeze(): void {
    if (this.frozen) this.#refuse('EPERM', 'it is frozen already')
    if (this.everWritable) this.#refuse('EBUSY', 'it has been mapped writable')
    this.frozen = true
  }

  /** Pages that have memory. */
  residentPages(): number {
    return this.table.count
  }

  /** Free pages by position, as [first, last] page numbers; first fit's last range is unbounded. */
  freeRanges(): IterableIterator<readonly [number, number]> {
    return this.#ranges.ranges()
  }

  /** Throws InternalError where an invariant of the ranges or the page table does not hold. For tests. */
  check(wholeTable = true): void {
    this.#ranges.check()
    if (wholeTable) this.table.check()
  }

  /** A live view was handed out: its bytes may be written to while the pages are absent. */
  noteView(first: number, last: number): void {
    this.#touched.note(first, last)
  }

  get closed(): boolean {
    return this.#closed
  }

  assertOpen(): void {
    if (this.#closed) throw new HarenaError(`arena ${this.spec.name} is closed`)
  }

  /** Ends all mappings and gives the memory back. A second call does nothing. */
  close(): void {
    if (this.#closed) return
    for (const mapping of this.mappings) mapping.unmap()
    this.#closed = true
    const at = this.#kernel.leases.indexOf(this.#lease)
    // Gone when the whole machine was closed: then kernel memory is another's by now.
    if (at < 0) return
    this.#kernel.leases.splice(at, 1)
    giveBack(this.memory, this.#touched.spans())
    this.#kernel.pages.uncharge(this.table.count, PageOwner.ARENA)
    this.#ranges.destroy()
    this.#kernel.pages.free(this.table.base)
  }

  /** Page number of an address, by its low half. Below the window numbers run from 2^20 down. */
  pageOf(low: number): number {
    return ((low - this.userLow) >>> 0) >>> 12
  }

  /** Index in page table and memory, in pages, of a page number. */
  indexOf(page: number): number {
    return ((this.userLow >>> 12) + page) % WINDOW_PAGES
  }

  /** Gives memory to pages; all of them or, where memory is short or one has some already, none. */
  #populate(page: number, count: number): boolean {
    const first = this.indexOf(page)
    const head = Math.min(count, WINDOW_PAGES - first)
    // Only a free that began below the window lets two page numbers have one address.
    if (this.table.next(first, first + head - 1) >= 0 || this.table.next(0, count - head - 1) >= 0) return false
    if (!this.#kernel.pages.charge(count, PageOwner.ARENA)) return false
    this.#touched.clear(this.memory, first, first + head - 1)
    this.table.add(first, head)
    if (count > head) {
      this.#touched.clear(this.memory, 0, count - head - 1)
      this.table.add(0, count - head)
    }
    return true
  }

  /** Takes the memory of present pages, by their index. */
  #discard(first: number, last: number): void {
    // Of a large run only what was written to is written again: zeroing a page that was never touched commits it.
    zeroRange(this.memory, first * PAGE_SIZE, (last + 1) * PAGE_SIZE)
    this.table.remove(first, last - first + 1)
    this.#kernel.pages.uncharge(last - first + 1, PageOwner.ARENA)
  }

  #refuse(errno: Errno, why: string): never {
    throw new ErrnoError(errno, `arena ${this.spec.name}: ${why}`)
  }
}
