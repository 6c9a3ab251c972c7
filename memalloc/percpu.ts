/**
 * Per-CPU memory: an area for every CPU, all at the same distance.
 *
 *     chunk      CPU 0's unit (32 KiB) │ CPU 1's unit │ …        in whole pages, side by side
 *     header     next chunk │ first page │ bytes free │ areas │ map of what is taken │ map of where areas start
 *                                                         a bit for 8 bytes of the unit, in a page of its own
 *
 * An area at offset o of a chunk lies at o of each unit: CPU c's copy is `at + c * UNIT_BYTES`. New chunks need pages
 * and so a task that may sleep; without ('atomic') only what is there can be had, and that may be none with nine
 * tenths free. A chunk without areas goes back to the page allocator.
 */
import type { Locks } from '../cpu/locks.ts'
import { InternalError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { Gfp } from './gfp.ts'
import type { MemoryGroup } from './group.ts'
import { PERCPU_CHUNKS, PERCPU_LOCK } from './page-layout.ts'
import { type PageAllocator, PageOwner } from './pages.ts'

/** From one CPU's copy of an area to the next: also the largest area. */
export const UNIT_BYTES = 32_768

const GRAIN = 8
const GRAINS: number = UNIT_BYTES / GRAIN
const WORDS: number = GRAINS / 32

// Fields of a chunk's header.
const NEXT = 0
const BASE = 4
const FREE_BYTES = 8
const AREAS = 12
/** No free grain lies below this one. */
const HINT = 16
const TAKEN = 64
const STARTS: number = TAKEN + 4 * WORDS

const LOCK_NAME = "the per-CPU allocator's lock"

export class PercpuMemory {
  private readonly memory: Memory
  private readonly steps: Steps
  private readonly locks: Locks
  private readonly pages: PageAllocator
  /** Who pays for areas; chunks are the machine's. */
  private readonly group: MemoryGroup | undefined
  private asked = false

  constructor(memory: Memory, steps: Steps, locks: Locks, pages: PageAllocator, group?: MemoryGroup) {
    this.group = group
    this.memory = memory
    this.steps = steps
    this.locks = locks
    this.pages = pages
  }

  /** An area of `bytes` zero bytes for every CPU, aligned to 8: the offset of CPU 0's, or 0. */
  alloc(bytes: number, gfp: Gfp): number {
    const at = bytes > 0 && bytes <= UNIT_BYTES ? this.takePaid(bytes, gfp) : 0
    const { events } = this.locks.processors
    if (at === 0 && events.active) events.emit({ kind: 'alloc-failed', allocator: 'percpu', size: bytes })
    return at
  }

  /** A handle whose areas a group pays for: what it gives is given back to it. */
  paidBy(group: MemoryGroup): PercpuMemory {
    return new PercpuMemory(this.memory, this.steps, this.locks, this.pages, group)
  }

  private takePaid(bytes: number, gfp: Gfp): number {
    const { group } = this
    if (group === undefined) return this.take(bytes, gfp)
    if (!group.charge(this.bytesOf(bytes))) return 0
    const at = this.take(bytes, gfp)
    if (at === 0) group.uncharge(this.bytesOf(bytes))
    return at
  }

  private take(bytes: number, gfp: Gfp): number {
    const grains = Math.ceil(bytes / GRAIN)
    const at = this.locked(gfp, () => this.find(grains))
    if (at !== 0) return at
    if (gfp !== 'kernel') {
      this.askForChunk()
      return 0
    }
    const chunk = this.makeChunk()
    return chunk === 0 ? 0 : this.locked(gfp, () => this.takeFrom(chunk, grains))
  }

  /** Gives chunks that hold no area to the page allocator. */
  shrink(): void {
    for (;;) {
      let empty = 0
      this.locked('atomic', () => {
        for (let chunk = this.first(); chunk !== 0 && empty === 0; chunk = this.steps.load32(chunk + NEXT) >>> 0) {
          if (this.steps.load32(chunk + AREAS) === 0) empty = chunk
        }
        if (empty !== 0) this.unlink(empty)
        return 0
      })
      if (empty === 0) return
      this.freeChunk(empty)
    }
  }

  /** Frees an area; 0 is ignored. */
  free(at: number): void {
    if (at === 0) return
    let empty = 0
    let bytes = 0
    this.locked('atomic', () => {
      const chunk = this.chunkOf(at)
      const grains = this.lengthAt(chunk, (at - this.base(chunk)) / GRAIN)
      bytes = grains * GRAIN
      this.clearArea(at, bytes)
      this.mark(chunk, (at - this.base(chunk)) / GRAIN, grains, false)
      if (this.steps.load32(chunk + AREAS) === 0) {
        this.unlink(chunk)
        empty = chunk
      }
      return 0
    })
    this.group?.uncharge(this.bytesOf(bytes))
    if (empty !== 0) this.freeChunk(empty)
  }

  /** Offset of a CPU's copy. */
  copyOf(at: number, cpu: number): number {
    return at + cpu * UNIT_BYTES
  }

  /** Bytes that one area takes on all CPUs together. */
  bytesOf(bytes: number): number {
    return Math.ceil(bytes / GRAIN) * GRAIN * this.cpus
  }

  /** Areas and free bytes a CPU, chunk by chunk. */
  statistics(): readonly { readonly areas: number; readonly freeBytes: number }[] {
    const all: { areas: number; freeBytes: number }[] = []
    for (let chunk = this.first(); chunk !== 0; chunk = this.steps.load32(chunk + NEXT) >>> 0) {
      all.push({ areas: this.steps.load32(chunk + AREAS), freeBytes: this.steps.load32(chunk + FREE_BYTES) })
    }
    return all
  }

  private get cpus(): number {
    return this.locks.processors.cpus.length
  }

  private get chunkPages(): number {
    return (UNIT_BYTES / PAGE_SIZE) * this.cpus
  }

  /** Runs `work` under the lock; 0 where that may not be waited for. */
  private locked(gfp: Gfp, work: () => number): number {
    const { current } = this.locks.processors
    const irqs = current.irqSave()
    if (gfp !== 'nolock') this.locks.lock(PERCPU_LOCK, LOCK_NAME)
    let result = 0
    if (gfp !== 'nolock' || this.locks.tryLock(PERCPU_LOCK, LOCK_NAME)) {
      try {
        result = work()
      } finally {
        this.locks.unlock(PERCPU_LOCK)
      }
    }
    current.irqRestore(irqs)
    return result
  }

  private find(grains: number): number {
    for (let chunk = this.first(); chunk !== 0; chunk = this.steps.load32(chunk + NEXT) >>> 0) {
      if (this.steps.load32(chunk + FREE_BYTES) < grains * GRAIN) continue
      const at = this.takeFrom(chunk, grains)
      if (at !== 0) return at
    }
    return 0
  }

  /** The lowest run of free grains that is long enough: its offset, or 0. */
  private takeFrom(chunk: number, grains: number): number {
    let run = 0
    const hint = this.steps.load32(chunk + HINT)
    let lowest = GRAINS
    for (let grain = hint; grain < GRAINS; grain++) {
      const word = this.steps.load32(chunk + TAKEN + 4 * (grain >>> 5))
      if (word === -1 && grain % 32 === 0) {
        run = 0
        grain += 31
        continue
      }
      const taken = ((word >>> (grain & 31)) & 1) !== 0
      if (!taken && lowest === GRAINS) lowest = grain
      run = taken ? 0 : run + 1
      if (run < grains) continue
      const start = grain - grains + 1
      this.mark(chunk, start, grains, true)
      this.steps.store32(chunk + HINT, lowest === start ? grain + 1 : lowest)
      return this.base(chunk) + start * GRAIN
    }
    return 0
  }

  private mark(chunk: number, start: number, grains: number, taken: boolean): void {
    const { steps } = this
    for (let grain = start; grain < start + grains; ) {
      const bit = grain & 31
      const count = Math.min(32 - bit, start + grains - grain)
      const mask = count === 32 ? -1 : ((1 << count) - 1) << bit
      const at = chunk + TAKEN + 4 * (grain >>> 5)
      const word = steps.load32(at)
      steps.store32(at, taken ? word | mask : word & ~mask)
      grain += count
    }
    const at = chunk + STARTS + 4 * (start >>> 5)
    const bit = 1 << (start & 31)
    steps.store32(at, taken ? steps.load32(at) | bit : steps.load32(at) & ~bit)
    steps.add32(chunk + FREE_BYTES, taken ? -grains * GRAIN : grains * GRAIN)
    steps.add32(chunk + AREAS, taken ? 1 : -1)
    if (!taken && start < steps.load32(chunk + HINT)) steps.store32(chunk + HINT, start)
  }

  /** Grains of the area that starts at this one. */
  private lengthAt(chunk: number, start: number): number {
    if (!Number.isInteger(start) || !this.bit(chunk + STARTS, start)) {
      throw new InternalError(`no per-CPU area starts at grain ${start}`)
    }
    let end = start + 1
    while (end < GRAINS && this.bit(chunk + TAKEN, end) && !this.bit(chunk + STARTS, end)) end++
    return end - start
  }

  private bit(map: number, grain: number): boolean {
    return ((this.steps.load32(map + 4 * (grain >>> 5)) >>> (grain & 31)) & 1) !== 0
  }

  /** Areas are handed out zero: their bytes are nobody's while they are free. */
  private clearArea(at: number, bytes: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const copy = this.copyOf(at, cpu)
      this.memory.u8.fill(0, copy, copy + bytes)
    }
  }

  private chunkOf(at: number): number {
    for (let chunk = this.first(); chunk !== 0; chunk = this.steps.load32(chunk + NEXT) >>> 0) {
      if (at >= this.base(chunk) && at < this.base(chunk) + UNIT_BYTES) return chunk
    }
    throw new InternalError(`0x${at.toString(16)} is no per-CPU area`)
  }

  private makeChunk(): number {
    const header = this.pages.alloc(0, PageOwner.PERCPU)
    if (header === 0) return 0
    const base = this.pages.allocPages(this.chunkPages, PageOwner.PERCPU)
    if (base === 0) {
      this.pages.free(header)
      return 0
    }
    this.steps.store32(header + BASE, base)
    this.steps.store32(header + FREE_BYTES, UNIT_BYTES)
    this.locked('kernel', () => {
      this.steps.store32(header + NEXT, this.steps.load32(PERCPU_CHUNKS))
      this.steps.store32(PERCPU_CHUNKS, header)
      return 0
    })
    return header
  }

  /** Somebody who may not sleep found nothing: a task makes a chunk for the next one. */
  private askForChunk(): void {
    if (this.asked) return
    this.asked = true
    this.locks.processors.queueJob(() => {
      this.asked = false
      this.makeChunk()
    })
  }

  private freeChunk(chunk: number): void {
    this.pages.freePages(this.base(chunk), this.chunkPages)
    this.pages.free(chunk)
  }

  private unlink(chunk: number): void {
    let link = PERCPU_CHUNKS
    while (this.steps.load32(link) >>> 0 !== chunk) link = (this.steps.load32(link) >>> 0) + NEXT
    this.steps.store32(link, this.steps.load32(chunk + NEXT))
  }

  private first(): number {
    return this.steps.load32(PERCPU_CHUNKS) >>> 0
  }

  private base(chunk: number): number {
    return this.steps.load32(chunk + BASE) >>> 0
  }
}
