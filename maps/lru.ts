/**
 * Who gets an element of an LRU map, and which other key loses its (Linux 6.18, spec: G).
 *
 *     common      CPU 0: free ──take──> pending ─┐  flush     one LRU list of all CPUs
 *                 CPU 1: free ──take──> pending ─┴─────────>  active, inactive, free ──refill──> free of a CPU
 *     per CPU     an LRU list for each CPU, which never has more than its share
 *
 * In the common mode a CPU takes the list's lock for a batch of elements only; where nothing can be had, it steals from
 * the other CPUs.
 *
 * Linux 6.18 waits for these locks, so an NMI that wants one of the CPU it interrupts hangs that CPU. Here they are as
 * those of the buckets (6.15): where one cannot be had, an update finds no element (ENOMEM), and an element that comes
 * back waits, on a list that needs no lock, for the next one who has it.
 */
import { InternalError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { nextOf, push, takeAll } from '../memalloc/llist.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { SupplyRequest } from './elements.ts'
import { FREE_LINK, LRU_NODE } from './hash-table.ts'
import { CommonLru } from './lru-common.ts'
import { LIST_BYTES, Links, REF } from './lru-list.ts'
import { type LruElements, type LruNodes, makeNodes } from './lru-nodes.ts'
import { PerCpuLru } from './lru-per-cpu.ts'

export interface Lru {
  /** An element for a key of this hash, maybe one that was in the table until now: its offset, 0 for none. */
  take(hash: number): number
  /** Takes an element back that is in no chain. */
  give(element: number): void
  /** Gives all memory back; nobody looks at elements any more. */
  destroy(): void
}

export interface LruOptions {
  /** Each CPU has a list of its own. */
  readonly perCpu: boolean
  readonly elements: LruElements
  /** Takes an element out of the table; false where it is not in it, or its bucket is busy. */
  readonly evict: (element: number) => boolean
}

/** Both modes work with interrupts off, on nodes. */
export interface NodeSource {
  /** 0 for none. */
  take(hash: number): number
  /** False where a lock could not be had: nothing has changed. */
  give(node: number): boolean
  /** Of nobody's any more: every node, and every permit. */
  nodes(): readonly number[]
  permits(): number
}

/** What both modes are made of. `at`: LIST_BYTES for the list in common and each CPU, one after the other. */
export interface LruParts {
  readonly kernel: Kernel
  readonly links: Links
  readonly at: number
  readonly nodes: LruNodes
  readonly evict: (node: number) => boolean
  /** Keeps a node for a later `give`. */
  readonly defer: (node: number) => void
}

/** Notes that an element was used: the next scan spares it. */
export function markUsed(kernel: Kernel, element: number): void {
  const at = element + LRU_NODE + REF
  // Most are marked already: no store to a line that other CPUs read.
  if (kernel.steps.load8(at) === 0) kernel.steps.store8(at, 1)
}

/** Undefined where there is no memory. All elements are free. */
export function makeLru(kernel: Kernel, request: SupplyRequest, options: LruOptions): Lru | undefined {
  const bytes = lruBytes(kernel.processors.cpus.length)
  const at = kernel.pages.allocBytes(bytes, PageOwner.MAP)
  if (at === 0) return undefined
  const links = new Links(kernel.steps)
  const nodes = makeNodes(kernel, links, request, options.elements)
  if (nodes === undefined) {
    kernel.pages.freeBytes(at, bytes)
    return undefined
  }
  const evict = (node: number): boolean => options.evict(node - LRU_NODE)
  const defer = (node: number): void => push(kernel.steps, at + RETURNED, node - LRU_NODE + FREE_LINK)
  const parts: LruParts = { kernel, links, at: at + LIST_BYTES, nodes, evict, defer }
  const source = options.perCpu ? new PerCpuLru(parts) : new CommonLru(parts)
  return new LruMemory(parts, at + RETURNED, source, () => {
    const left = source.nodes()
    const sum = left.length + source.permits()
    if (sum !== nodes.count) throw new InternalError(`an LRU map of ${nodes.count} elements ends with ${sum}`)
    nodes.destroy(left)
    kernel.pages.freeBytes(at, bytes)
  })
}

/** Bytes of all lists of a map. */
export function lruBytes(cpus: number): number {
  // The first piece holds what no lock guards.
  return LIST_BYTES * (cpus + 2)
}

/** Offset in the first piece: the list of elements that came back while a lock was busy. */
const RETURNED = 0

class LruMemory implements Lru {
  private readonly kernel: Kernel
  private readonly defer: (node: number) => void
  private readonly returned: number
  private readonly source: NodeSource
  private readonly release: () => void

  constructor({ kernel, defer }: LruParts, returned: number, source: NodeSource, release: () => void) {
    this.kernel = kernel
    this.defer = defer
    this.returned = returned
    this.source = source
    this.release = release
  }

  take(hash: number): number {
    return this.withInterruptsOff(() => {
      this.acceptReturned()
      const node = this.source.take(hash)
      this.acceptReturned()
      return node === 0 ? 0 : node - LRU_NODE
    })
  }

  give(element: number): void {
    this.withInterruptsOff(() => {
      if (this.source.give(element + LRU_NODE)) this.acceptReturned()
      else this.defer(element + LRU_NODE)
    })
  }

  destroy(): void {
    this.acceptReturned()
    this.release()
  }

  /** Tries again with what came back while somebody held a lock: often whoever was interrupted, who is done now. */
  private acceptReturned(): void {
    const { steps } = this.kernel
    if (steps.load32(this.returned) === 0) return
    for (let object = takeAll(steps, this.returned); object !== 0; ) {
      const next = nextOf(steps, object)
      const node = object - FREE_LINK + LRU_NODE
      if (!this.source.give(node)) this.defer(node)
      object = next
    }
  }

  private withInterruptsOff<T>(work: () => T): T {
    const { current } = this.kernel.processors
    const irqs = current.irqSave()
    try {
      return work()
    } finally {
      current.irqRestore(irqs)
    }
  }
}
