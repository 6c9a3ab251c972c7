/**
 * Who gets an element of an LRU map, and which other key loses its (Linux 6.18, spec: G).
 *
 *     common      CPU 0: free ──take──> pending ─┐  flush     one LRU list of all CPUs
 *                 CPU 1: free ──take──> pending ─┴─────────>  active, inactive, free ──refill──> free of a CPU
 *     per CPU     an LRU list for each CPU, which never has more than its share
 *
 * In the common mode a CPU takes the list's lock for a batch of elements only; where nothing can be had, it steals from
 * the other CPUs. Locks are plain ones: an NMI that finds one taken by the CPU it interrupts hangs it, as on Linux.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { ElementArray } from './element-array.ts'
import { HASH, LRU_NODE } from './hash-table.ts'
import { CPU, KIND, Kind, LIST_BYTES, Links, LruList, REF } from './lru-list.ts'

export interface Lru {
  /** An element for a key of this hash, maybe one that was in the table until now: its offset, 0 for none. */
  take(hash: number): number
  /** Takes an element back that is in no chain. */
  give(element: number): void
  destroy(): void
}

/** Takes an element out of the table; false where it is not in it, or its bucket is busy. */
export type Evict = (element: number) => boolean

const COMMON_SCANS = 128
const PER_CPU_SCANS = 4
const PER_CPU_TARGET = 4
const MAX_TARGET = 128

/** Notes that an element was used: the next scan spares it. */
export function markUsed(kernel: Kernel, element: number): void {
  const at = element + LRU_NODE + REF
  // Most are marked already: no store to a line that other CPUs read.
  if (kernel.steps.load8(at) === 0) kernel.steps.store8(at, 1)
}

/** Undefined where there is no memory. All elements are free. */
export function makeLru(kernel: Kernel, array: ElementArray, perCpu: boolean, evict: Evict): Lru | undefined {
  const cpus = kernel.processors.cpus.length
  const bytes = LIST_BYTES * (perCpu ? cpus : cpus + 1)
  const at = kernel.pages.allocBytes(bytes, PageOwner.MAP)
  if (at === 0) return undefined
  const evictNode = (node: number): boolean => evict(node - LRU_NODE)
  const lru = perCpu ? new PerCpuLru(kernel, at, array, evictNode) : new CommonLru(kernel, at, array, evictNode)
  return {
    take: (hash) => {
      const { current } = kernel.processors
      const irqs = current.irqSave()
      try {
        const node = lru.take(hash)
        return node === 0 ? 0 : node - LRU_NODE
      } finally {
        current.irqRestore(irqs)
      }
    },
    give: (element) => {
      const { current } = kernel.processors
      const irqs = current.irqSave()
      try {
        lru.give(element + LRU_NODE)
      } finally {
        current.irqRestore(irqs)
      }
    },
    destroy: () => kernel.pages.freeBytes(at, bytes),
  }
}

/** Both work with interrupts off, on nodes. */
interface NodeSource {
  take(hash: number): number
  give(node: number): void
}

class PerCpuLru implements NodeSource {
  private readonly kernel: Kernel
  private readonly links: Links
  private readonly lists: readonly LruList[]

  constructor(kernel: Kernel, at: number, array: ElementArray, evict: (node: number) => boolean) {
    const { steps, locks, processors } = kernel
    this.kernel = kernel
    this.links = new Links(steps)
    this.lists = processors.cpus.map(
      ({ id }) => new LruList(this.links, locks, at + LIST_BYTES * id, PER_CPU_SCANS, evict),
    )
    const share = Math.floor(array.count / processors.cpus.length)
    this.lists.forEach((list, cpu) => {
      for (let index = cpu * share; index < (cpu + 1) * share; index++) {
        const node = array.base + index * array.size + LRU_NODE
        steps.store16(node + CPU, cpu)
        steps.store8(node + KIND, Kind.FREE)
        this.links.add(node, list.free)
      }
    })
  }

  take(hash: number): number {
    const { steps, processors } = this.kernel
    const list = this.lists[processors.current.id]!
    list.lock()
    list.rotate()
    if (this.links.isEmpty(list.free)) list.shrink(PER_CPU_TARGET, list.free, Kind.FREE)
    let node = 0
    if (!this.links.isEmpty(list.free)) {
      node = this.links.first(list.free)
      steps.store32(node - LRU_NODE + HASH, hash)
      list.move(node, Kind.INACTIVE)
    }
    list.unlock()
    return node
  }

  give(node: number): void {
    const list = this.lists[this.kernel.steps.load16(node + CPU)]!
    list.lock()
    list.move(node, Kind.FREE)
    list.unlock()
  }
}

// Words of a CPU's own lists.
const LOCAL_FREE = 0
const PENDING = 8
const NEXT_STEAL = 16
const LOCAL_LOCK = 20
const LOCAL_NAME = "the lock of a CPU's LRU lists"

class CommonLru implements NodeSource {
  private readonly kernel: Kernel
  private readonly links: Links
  private readonly list: LruList
  private readonly locals: readonly number[]
  private readonly evict: (node: number) => boolean
  /** Nodes that a CPU takes from the common list at once. */
  private readonly target: number

  constructor(kernel: Kernel, at: number, array: ElementArray, evict: (node: number) => boolean) {
    const { steps, locks, processors } = kernel
    this.kernel = kernel
    this.evict = evict
    this.links = new Links(steps)
    this.list = new LruList(this.links, locks, at, COMMON_SCANS, evict)
    const cpus = processors.cpus.length
    this.target = Math.min(Math.max(Math.floor(Math.floor(array.count / cpus) / 2), 1), MAX_TARGET)
    this.locals = processors.cpus.map(({ id }) => at + LIST_BYTES * (id + 1))
    for (const [cpu, local] of this.locals.entries()) {
      this.links.makeHead(local + LOCAL_FREE)
      this.links.makeHead(local + PENDING)
      steps.store32(local + NEXT_STEAL, cpu)
    }
    for (let index = 0; index < array.count; index++) {
      const node = array.base + index * array.size + LRU_NODE
      steps.store8(node + KIND, Kind.FREE)
      this.links.add(node, this.list.free)
    }
  }

  take(hash: number): number {
    const { locks, processors } = this.kernel
    const cpu = processors.current.id
    const local = this.locals[cpu]!
    locks.lock(local + LOCAL_LOCK, LOCAL_NAME)
    let node = this.popFree(local)
    if (node === 0) {
      this.refill(local)
      node = this.popFree(local)
    }
    if (node !== 0) this.addPending(local, cpu, node, hash)
    locks.unlock(local + LOCAL_LOCK)
    if (node !== 0) return node
    node = this.steal(local)
    if (node === 0) return 0
    locks.lock(local + LOCAL_LOCK, LOCAL_NAME)
    this.addPending(local, cpu, node, hash)
    locks.unlock(local + LOCAL_LOCK)
    return node
  }

  give(node: number): void {
    const { steps, locks } = this.kernel
    if (steps.load8(node + KIND) === Kind.LOCAL_PENDING) {
      const local = this.locals[steps.load16(node + CPU)]!
      locks.lock(local + LOCAL_LOCK, LOCAL_NAME)
      // Somebody may have flushed it in between.
      const pending = steps.load8(node + KIND) === Kind.LOCAL_PENDING
      if (pending) {
        steps.store8(node + KIND, Kind.LOCAL_FREE)
        steps.store8(node + REF, 0)
        this.links.move(node, local + LOCAL_FREE)
      }
      locks.unlock(local + LOCAL_LOCK)
      if (pending) return
    }
    this.list.lock()
    this.list.move(node, Kind.FREE)
    this.list.unlock()
  }

  /** Sorts the CPU's pending nodes into the common list, and fetches free ones. */
  private refill(local: number): void {
    const { links, list } = this
    list.lock()
    for (let node = links.prev(local + PENDING); node !== local + PENDING; node = links.prev(local + PENDING)) {
      const used = this.kernel.steps.load8(node + REF) !== 0
      list.insert(node, used ? Kind.ACTIVE : Kind.INACTIVE)
    }
    list.rotate()
    let fetched = 0
    for (; fetched < this.target && !links.isEmpty(list.free); fetched++) {
      list.moveToFree(links.first(list.free), local + LOCAL_FREE, Kind.LOCAL_FREE)
    }
    if (fetched < this.target) list.shrink(this.target - fetched, local + LOCAL_FREE, Kind.LOCAL_FREE)
    list.unlock()
  }

  /** A node of another CPU, one after the other from where the last theft ended: a free one, or a pending one. */
  private steal(local: number): number {
    const { steps, locks } = this.kernel
    const first = steps.load32(local + NEXT_STEAL)
    let victim = first
    let node = 0
    do {
      const from = this.locals[victim]!
      locks.lock(from + LOCAL_LOCK, LOCAL_NAME)
      node = this.popFree(from) || this.popPending(from)
      locks.unlock(from + LOCAL_LOCK)
      victim = (victim + 1) % this.locals.length
    } while (node === 0 && victim !== first)
    steps.store32(local + NEXT_STEAL, victim)
    return node
  }

  /** The newest free one, off its list. */
  private popFree(local: number): number {
    const node = this.links.first(local + LOCAL_FREE)
    if (node === local + LOCAL_FREE) return 0
    this.links.remove(node)
    return node
  }

  /** The oldest pending one that was not used and can be had; else used or not. Off its list. */
  private popPending(local: number): number {
    const head = local + PENDING
    for (const force of [false, true]) {
      for (let node = this.links.prev(head); node !== head; node = this.links.prev(node)) {
        if (!force && this.kernel.steps.load8(node + REF) !== 0) continue
        if (!this.evict(node)) continue
        this.links.remove(node)
        return node
      }
    }
    return 0
  }

  private addPending(local: number, cpu: number, node: number, hash: number): void {
    const { steps } = this.kernel
    steps.store32(node - LRU_NODE + HASH, hash)
    steps.store16(node + CPU, cpu)
    steps.store8(node + KIND, Kind.LOCAL_PENDING)
    steps.store8(node + REF, 0)
    this.links.add(node, local + PENDING)
  }
}
