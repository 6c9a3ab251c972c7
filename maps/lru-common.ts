/**
 * One LRU list of all CPUs, and for each CPU a few nodes at hand: free ones, and pending ones, which were handed out
 * since it last took the list's lock (Linux 6.18, spec: G.3).
 */
import { HASH, LRU_NODE } from './hash-table.ts'
import type { LruParts, NodeSource } from './lru.ts'
import { CPU, KIND, Kind, LIST_BYTES, LruList, PERMITS, REF } from './lru-list.ts'

/** Nodes that one scan looks at. */
const SCANS = 128
const MAX_TARGET = 128

// Words of a CPU's own lists; PERMITS is one more.
const LOCAL_FREE = 0
const PENDING = 8
const NEXT_STEAL = 16
const LOCAL_LOCK = 20
const LOCK_NAME = "the lock of a CPU's LRU lists"

export class CommonLru implements NodeSource {
  private readonly parts: LruParts
  private readonly list: LruList
  private readonly locals: readonly number[]
  /** Nodes that a CPU takes from the common list at once. */
  private readonly target: number

  constructor(parts: LruParts) {
    const { kernel, links, at, nodes, evict } = parts
    const { steps, locks, processors } = kernel
    this.parts = parts
    this.list = new LruList(links, locks, at, SCANS, evict)
    const cpus = processors.cpus.length
    this.target = Math.min(Math.max(Math.floor(Math.floor(nodes.count / cpus) / 2), 1), MAX_TARGET)
    this.locals = processors.cpus.map(({ id }) => at + LIST_BYTES * (id + 1))
    for (const [cpu, local] of this.locals.entries()) {
      links.makeHead(local + LOCAL_FREE)
      links.makeHead(local + PENDING)
      steps.store32(local + NEXT_STEAL, cpu)
    }
    if (nodes.all === undefined) steps.store32(at + PERMITS, nodes.count)
    for (const node of nodes.all ?? []) {
      steps.store8(node + KIND, Kind.FREE)
      links.add(node, this.list.free)
    }
  }

  take(hash: number): number {
    const { current } = this.parts.kernel.processors
    const local = this.locals[current.id]!
    if (!this.lock(local)) return 0
    const node = this.own(local)
    if (node !== 0) this.addPending(local, current.id, node, hash)
    this.unlock(local)
    if (node !== 0) return node
    const stolen = this.steal(local)
    if (stolen === 0) return 0
    if (!this.lock(local)) {
      // Another CPU looks for something to steal here.
      this.letGo(stolen)
      return 0
    }
    this.addPending(local, current.id, stolen, hash)
    this.unlock(local)
    return stolen
  }

  give(node: number): boolean {
    const { steps } = this.parts.kernel
    if (steps.load8(node + KIND) === Kind.LOCAL_PENDING) {
      const local = this.locals[steps.load16(node + CPU)]!
      if (!this.lock(local)) return false
      // Somebody may have flushed it in between.
      const pending = steps.load8(node + KIND) === Kind.LOCAL_PENDING
      if (pending) this.unpend(local, node)
      this.unlock(local)
      if (pending) {
        this.drop(node, local)
        return true
      }
    }
    if (!this.list.lock()) return false
    if (this.isOnDemand) this.list.remove(node)
    else this.list.move(node, Kind.FREE)
    this.list.unlock()
    this.drop(node, this.list.at)
    return true
  }

  nodes(): number[] {
    const { links } = this.parts
    const own = this.locals.flatMap((at) => [...links.nodes(at + LOCAL_FREE), ...links.nodes(at + PENDING)])
    return [...this.list.nodes(), ...own]
  }

  permits(): number {
    const { steps } = this.parts.kernel
    return [this.list.at, ...this.locals].reduce((sum, at) => sum + steps.load32(at + PERMITS), 0)
  }

  /** Puts a node that is on no list where free ones are. */
  private letGo(node: number): void {
    const { kernel, links, defer } = this.parts
    links.makeHead(node)
    kernel.steps.store8(node + KIND, Kind.FREE)
    if (!this.give(node)) defer(node)
  }

  private get isOnDemand(): boolean {
    return this.parts.nodes.all === undefined
  }

  private lock(local: number): boolean {
    return this.parts.kernel.locks.resilientLock(local + LOCAL_LOCK, LOCK_NAME) === 0
  }

  private unlock(local: number): void {
    this.parts.kernel.locks.unlock(local + LOCAL_LOCK)
  }

  /** A node of this CPU or of the common list, off its list. */
  private own(local: number): number {
    const node = this.popFree(local)
    if (node !== 0) return node
    this.refill(local)
    const fetched = this.popFree(local)
    if (fetched !== 0 || this.permitsAt(local) === 0) return fetched
    // There is no memory for what was fetched: an older key has to go.
    this.refill(local)
    return this.popFree(local)
  }

  /** Sorts the CPU's pending nodes into the common list, and fetches free ones. */
  private refill(local: number): void {
    const { kernel, links } = this.parts
    const { list } = this
    if (!list.lock()) return
    for (let node = links.prev(local + PENDING); node !== local + PENDING; node = links.prev(local + PENDING)) {
      const used = kernel.steps.load8(node + REF) !== 0
      list.insert(node, used ? Kind.ACTIVE : Kind.INACTIVE)
    }
    list.rotate()
    const missing = this.permitsAt(local) > 0 ? 1 : this.target - this.fetch(local)
    if (missing > 0) list.shrink(missing, local + LOCAL_FREE, Kind.LOCAL_FREE)
    list.unlock()
  }

  /** Moves up to `target` free nodes, or permits for them, from the common list to the CPU: how many. */
  private fetch(local: number): number {
    const { kernel, links } = this.parts
    const { list, target } = this
    let fetched = 0
    for (; fetched < target && !links.isEmpty(list.free); fetched++) {
      list.moveToFree(links.first(list.free), local + LOCAL_FREE, Kind.LOCAL_FREE)
    }
    const permits = Math.min(this.permitsAt(list.at), target - fetched)
    if (permits === 0) return fetched
    // Others only add to it while the lock is held.
    kernel.steps.add32(list.at + PERMITS, -permits)
    kernel.steps.add32(local + PERMITS, permits)
    return fetched + permits
  }

  private permitsAt(at: number): number {
    return this.isOnDemand ? this.parts.kernel.steps.load32(at + PERMITS) : 0
  }

  /** A node of another CPU, one after the other from where the last theft ended: a free one, or a pending one. */
  private steal(local: number): number {
    const { steps } = this.parts.kernel
    const first = steps.load32(local + NEXT_STEAL)
    let victim = first
    let node = 0
    do {
      const from = this.locals[victim]!
      if (this.lock(from)) {
        node = this.popFree(from) || this.popPending(from)
        this.unlock(from)
      }
      victim = (victim + 1) % this.locals.length
    } while (node === 0 && victim !== first)
    steps.store32(local + NEXT_STEAL, victim)
    return node
  }

  /** The newest free one, off its list, or one made for a permit. */
  private popFree(local: number): number {
    const { links, nodes } = this.parts
    const node = links.first(local + LOCAL_FREE)
    if (node === local + LOCAL_FREE) return nodes.make(local + PERMITS)
    links.remove(node)
    return node
  }

  /** The oldest pending one that was not used and can be had; else used or not. Off its list. */
  private popPending(local: number): number {
    const { kernel, links, evict } = this.parts
    const head = local + PENDING
    for (const force of [false, true]) {
      for (let node = links.prev(head); node !== head; node = links.prev(node)) {
        if (!force && kernel.steps.load8(node + REF) !== 0) continue
        if (!evict(node)) continue
        links.remove(node)
        return node
      }
    }
    return 0
  }

  private addPending(local: number, cpu: number, node: number, hash: number): void {
    const { steps } = this.parts.kernel
    steps.store32(node - LRU_NODE + HASH, hash)
    steps.store16(node + CPU, cpu)
    steps.store8(node + KIND, Kind.LOCAL_PENDING)
    steps.store8(node + REF, 0)
    this.parts.links.add(node, local + PENDING)
  }

  /** Takes a node out of a CPU's pending ones: to its free ones, or off all lists. */
  private unpend(local: number, node: number): void {
    const { kernel, links } = this.parts
    kernel.steps.store8(node + KIND, Kind.LOCAL_FREE)
    kernel.steps.store8(node + REF, 0)
    if (this.isOnDemand) links.remove(node)
    else links.move(node, local + LOCAL_FREE)
  }

  /** Gives back the memory of a node that is on no list; its permit goes where it would go itself. */
  private drop(node: number, to: number): void {
    if (this.isOnDemand) this.parts.nodes.drop(node, to + PERMITS)
  }
}
