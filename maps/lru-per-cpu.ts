/** BPF_F_NO_COMMON_LRU: an LRU list for each CPU, with its share of the elements (Linux 6.18, spec: G.6). */
import { HASH, LRU_NODE } from './hash-table.ts'
import type { LruParts, NodeSource } from './lru.ts'
import { CPU, KIND, Kind, LIST_BYTES, LruList, PERMITS } from './lru-list.ts'

/** Nodes that one scan looks at, and that are freed at once. */
const SCANS = 4
const TARGET = 4

export class PerCpuLru implements NodeSource {
  private readonly parts: LruParts
  private readonly lists: readonly LruList[]

  constructor(parts: LruParts) {
    const { kernel, links, at, nodes, evict } = parts
    const { steps, locks, processors } = kernel
    this.parts = parts
    this.lists = processors.cpus.map(({ id }) => new LruList(links, locks, at + LIST_BYTES * id, SCANS, evict))
    const share = Math.floor(nodes.count / processors.cpus.length)
    for (const [cpu, list] of this.lists.entries()) {
      if (nodes.all === undefined) steps.store32(list.at + PERMITS, share)
      for (const node of nodes.all?.slice(cpu * share, (cpu + 1) * share) ?? []) {
        steps.store16(node + CPU, cpu)
        steps.store8(node + KIND, Kind.FREE)
        links.add(node, list.free)
      }
    }
  }

  take(hash: number): number {
    const { steps, processors } = this.parts.kernel
    const cpu = processors.current.id
    const list = this.lists[cpu]!
    if (!list.lock()) return 0
    list.rotate()
    let node = this.freeNode(list)
    if (node === 0) {
      list.shrink(TARGET, list.free, Kind.FREE)
      node = this.freeNode(list)
    }
    if (node !== 0) {
      steps.store32(node - LRU_NODE + HASH, hash)
      steps.store16(node + CPU, cpu)
      list.move(node, Kind.INACTIVE)
    }
    list.unlock()
    return node
  }

  give(node: number): boolean {
    const { kernel, nodes } = this.parts
    const list = this.lists[kernel.steps.load16(node + CPU)]!
    if (!list.lock()) return false
    if (nodes.all === undefined) list.remove(node)
    else list.move(node, Kind.FREE)
    list.unlock()
    if (nodes.all === undefined) nodes.drop(node, list.at + PERMITS)
    return true
  }

  nodes(): number[] {
    return this.lists.flatMap((list) => list.nodes())
  }

  permits(): number {
    return this.lists.reduce((sum, { at }) => sum + this.parts.kernel.steps.load32(at + PERMITS), 0)
  }

  /** The newest free one, which stays where it is, or one made for it; 0 for none. */
  private freeNode(list: LruList): number {
    const { kernel, links, nodes } = this.parts
    if (!links.isEmpty(list.free)) return links.first(list.free)
    const node = nodes.make(list.at + PERMITS)
    // On no list: as a free one, which is not counted.
    if (node !== 0) kernel.steps.store8(node + KIND, Kind.FREE)
    return node
  }
}
