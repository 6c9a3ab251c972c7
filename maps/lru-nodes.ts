/**
 * Where the nodes of LRU maps come from.
 *
 *     preallocated   every node exists from the start, on free lists                          (Linux)
 *     on demand      a node is made for a permit, and leaves one when its memory goes back    (planned in 2022, never built)
 *
 *         permits + nodes = max_entries
 *
 * Permits are free nodes that have no memory yet. The algorithm hands them around in the same batches, so a map on
 * demand keeps and throws out the same keys as a preallocated one as long as there is memory; where there is none, a
 * permit helps nobody, and an older key has to go although the map is not full.
 */
import { InternalError } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { type ElementArray, freeElementArray, makeElementArray } from './element-array.ts'
import type { ElementSupply, SupplyRequest } from './elements.ts'
import { LRU_NODE } from './hash-table.ts'
import type { Links } from './lru-list.ts'
import { memAllocSupply } from './supply-mem-alloc.ts'

/** Values of policy `lruElements`, the default first. */
export const LRU_ELEMENTS = ['prealloc', 'bpf_mem_alloc'] as const
export type LruElements = (typeof LRU_ELEMENTS)[number]

export interface LruNodes {
  readonly count: number
  /** Of preallocated nodes, in ascending order; undefined of nodes on demand. */
  readonly all: readonly number[] | undefined
  /** Makes a node for one of the permits counted at this offset: on no list; 0 for no permit, or no memory. */
  make(permits: number): number
  /** Gives the memory of a node back that is on no list; its permit goes to the number at `permits`. */
  drop(node: number, permits: number): void
  /** Ends it, with the nodes that there are now. Nobody looks at them any more. */
  destroy(nodes: readonly number[]): void
}

/** Undefined, and nothing allocated, where there is no memory. */
export function makeNodes(
  kernel: Kernel,
  links: Links,
  request: SupplyRequest,
  elements: LruElements,
): LruNodes | undefined {
  if (elements === 'prealloc') {
    const array = makeElementArray(kernel, request)
    return array && preallocated(kernel, array, request)
  }
  const supply = memAllocSupply(kernel, request)
  return supply && new NodesOnDemand(kernel, links, supply, request.count)
}

function preallocated(kernel: Kernel, array: ElementArray, request: SupplyRequest): LruNodes {
  const { base, count, size } = array
  return {
    count,
    all: Array.from({ length: count }, (_, index) => base + index * size + LRU_NODE),
    make: () => 0,
    drop: () => {
      throw new InternalError('the memory of a preallocated element cannot be given back alone')
    },
    destroy: () => freeElementArray(kernel, array, request),
  }
}

class NodesOnDemand implements LruNodes {
  readonly count: number
  readonly all = undefined
  private readonly kernel: Kernel
  private readonly links: Links
  private readonly supply: ElementSupply

  constructor(kernel: Kernel, links: Links, supply: ElementSupply, count: number) {
    this.kernel = kernel
    this.links = links
    this.supply = supply
    this.count = count
  }

  make(permits: number): number {
    const { steps } = this.kernel
    // Atomic: whoever returns a permit holds no lock.
    for (;;) {
      const left = steps.load32(permits)
      if (left === 0) return 0
      if (steps.compareExchange32(permits, left, left - 1) === left) break
    }
    const element = this.supply.take()
    if (element === 0) {
      steps.add32(permits, 1)
      return 0
    }
    this.links.makeHead(element + LRU_NODE)
    return element + LRU_NODE
  }

  drop(node: number, permits: number): void {
    this.supply.give(node - LRU_NODE)
    // Not before: there are never more elements than the map may have.
    this.kernel.steps.add32(permits, 1)
  }

  destroy(nodes: readonly number[]): void {
    for (const node of nodes) this.supply.give(node - LRU_NODE)
    this.supply.destroy()
  }
}
