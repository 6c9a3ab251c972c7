/**
 * One LRU list: which elements were used lately, which were not, and which are free (Linux 6.18, spec: G).
 *
 *     head ─> newest … oldest (tail)        three circular lists; next leads from the head to the tail
 *     active    used again since they came     ──ref clear──> inactive
 *     inactive  not used since                 ──ref set────> active       ──at need, from the tail──> free
 *     free
 *                        cursor: where the next scan of the inactive list begins, towards the head
 *
 *     list     0 active | 8 inactive | 16 free | 24 number active | 28 number inactive | 32 cursor | 36 lock | 40 permits
 *     node     0 next | 4 prev | 8 kind | 9 reference bit | 10 CPU that it belongs to
 */
import type { Locks } from '../cpu/locks.ts'
import { InternalError } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'

export const LIST_BYTES = 64

/** Offset of the number of nodes that may still be made (lru-nodes.ts). */
export const PERMITS = 40

export const Kind = { ACTIVE: 0, INACTIVE: 1, FREE: 2, LOCAL_FREE: 3, LOCAL_PENDING: 4 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

const NEXT = 0
const PREV = 4
export const KIND = 8
export const REF = 9
export const CPU = 10

const COUNTS = 24
const CURSOR = 32
const LOCK = 36
const HEAD_BYTES = 8

const LOCK_NAME = 'the lock of an LRU list'

/** Circular lists whose heads are nodes themselves. */
export class Links {
  readonly steps: Steps

  constructor(steps: Steps) {
    this.steps = steps
  }

  /** Also makes a node one that is on no list. */
  makeHead(head: number): void {
    this.steps.store32(head + NEXT, head)
    this.steps.store32(head + PREV, head)
  }

  /** The newest, or the head itself. */
  first(head: number): number {
    return this.steps.load32(head + NEXT) >>> 0
  }

  /** A step towards the head; from the head, to the tail. */
  prev(node: number): number {
    return this.steps.load32(node + PREV) >>> 0
  }

  isEmpty(head: number): boolean {
    return this.first(head) === head
  }

  /** From the newest on; of a list that nobody changes. */
  nodes(head: number): number[] {
    const nodes: number[] = []
    for (let node = this.first(head); node !== head; node = this.first(node)) nodes.push(node)
    return nodes
  }

  add(node: number, head: number): void {
    const { steps } = this
    const first = this.first(head)
    steps.store32(node + NEXT, first)
    steps.store32(node + PREV, head)
    steps.store32(first + PREV, node)
    steps.store32(head + NEXT, node)
  }

  remove(node: number): void {
    const { steps } = this
    const [next, prev] = [this.first(node), this.prev(node)]
    steps.store32(prev + NEXT, next)
    steps.store32(next + PREV, prev)
  }

  move(node: number, head: number): void {
    this.remove(node)
    this.add(node, head)
  }
}

export class LruList {
  readonly at: number
  readonly free: number
  private readonly active: number
  private readonly inactive: number
  private readonly links: Links
  private readonly steps: Steps
  private readonly locks: Locks
  /** Nodes that one scan looks at. */
  private readonly scans: number
  /** Takes a node's element out of the hash table; false where it is not in it, or its bucket is busy. */
  private readonly evict: (node: number) => boolean

  /** `at`: LIST_BYTES of kernel memory. */
  constructor(links: Links, locks: Locks, at: number, scans: number, evict: (node: number) => boolean) {
    this.links = links
    this.steps = links.steps
    this.locks = locks
    this.at = at
    this.scans = scans
    this.evict = evict
    this.active = at
    this.inactive = at + HEAD_BYTES
    this.free = at + 2 * HEAD_BYTES
    for (const head of [this.active, this.inactive, this.free]) links.makeHead(head)
    this.steps.store32(at + CURSOR, this.inactive)
  }

  /** False where it cannot be had: somebody whom the caller interrupts holds it. */
  lock(): boolean {
    return this.locks.resilientLock(this.at + LOCK, LOCK_NAME) === 0
  }

  unlock(): void {
    this.locks.unlock(this.at + LOCK)
  }

  /** Puts a node that is on no list of this one on the active or inactive one. */
  insert(node: number, kind: 0 | 1): void {
    this.steps.add32(this.at + COUNTS + 4 * kind, 1)
    this.set(node, kind)
    this.links.move(node, this.at + HEAD_BYTES * kind)
  }

  /** Takes a node off its list. */
  remove(node: number): void {
    this.leave(node)
    this.links.remove(node)
  }

  /** Every node on the three lists, which nobody changes. Throws InternalError where one is not as long as counted. */
  nodes(): number[] {
    const lists = [this.active, this.inactive, this.free].map((head) => this.links.nodes(head))
    for (const kind of [Kind.ACTIVE, Kind.INACTIVE]) {
      const [length, count] = [lists[kind]!.length, this.count(kind)]
      if (length !== count) throw new InternalError(`an LRU list has ${length} elements, and ${count} counted`)
    }
    return lists.flat()
  }

  /** Moves a node of one of the three lists to the head of another one. */
  move(node: number, kind: 0 | 1 | 2): void {
    this.leave(node)
    if (kind !== Kind.FREE) this.steps.add32(this.at + COUNTS + 4 * kind, 1)
    this.set(node, kind)
    this.links.move(node, this.at + HEAD_BYTES * kind)
  }

  /** Moves a node to a list of free ones, this one's or a CPU's. */
  moveToFree(node: number, head: number, kind: 2 | 3): void {
    this.leave(node)
    this.set(node, kind)
    this.links.move(node, head)
  }

  /** Sorts out who was used lately: the active list where it is the longer one, and a part of the inactive one. */
  rotate(): void {
    if (this.count(Kind.INACTIVE) < this.count(Kind.ACTIVE)) this.rotateActive()
    this.rotateInactive()
  }

  /** Frees up to `wanted` nodes that were not used lately, or one by force: to `head`. */
  shrink(wanted: number, head: number, kind: 2 | 3): void {
    if (this.shrinkInactive(wanted, head, kind) === 0) this.force(head, kind)
  }

  private rotateActive(): void {
    const last = this.links.first(this.active)
    let node = this.links.prev(this.active)
    for (let scanned = 0; scanned < this.scans && node !== this.active; scanned++) {
      const next = this.links.prev(node)
      this.move(node, this.isUsed(node) ? Kind.ACTIVE : Kind.INACTIVE)
      if (node === last) break
      node = next
    }
  }

  private rotateInactive(): void {
    const { inactive, links } = this
    if (links.isEmpty(inactive)) return
    let node = this.steps.load32(this.at + CURSOR) >>> 0
    let last = links.first(node)
    if (last === inactive) last = links.first(inactive)
    let cursor = node
    for (let scanned = 0; scanned < this.scans; ) {
      if (node === inactive) {
        node = links.prev(node)
        continue
      }
      cursor = links.prev(node)
      if (this.isUsed(node)) this.move(node, Kind.ACTIVE)
      if (node === last) break
      node = cursor
      scanned++
    }
    this.steps.store32(this.at + CURSOR, cursor)
  }

  private shrinkInactive(wanted: number, head: number, kind: 2 | 3): number {
    let freed = 0
    let node = this.links.prev(this.inactive)
    for (let scanned = 0; scanned < this.scans && node !== this.inactive; scanned++) {
      const next = this.links.prev(node)
      if (this.isUsed(node)) {
        this.move(node, Kind.ACTIVE)
      } else if (this.evict(node)) {
        this.moveToFree(node, head, kind)
        if (++freed === wanted) break
      }
      node = next
    }
    return freed
  }

  /** The oldest node that can be had, used or not. */
  private force(head: number, kind: 2 | 3): void {
    const from = this.links.isEmpty(this.inactive) ? this.active : this.inactive
    for (let node = this.links.prev(from); node !== from; node = this.links.prev(node)) {
      if (!this.evict(node)) continue
      this.moveToFree(node, head, kind)
      return
    }
  }

  /** Counts a node out, and moves the cursor off it. */
  private leave(node: number): void {
    const before = this.steps.load8(node + KIND)
    if (before <= Kind.INACTIVE) this.steps.add32(this.at + COUNTS + 4 * before, -1)
    if (this.steps.load32(this.at + CURSOR) >>> 0 === node) {
      this.steps.store32(this.at + CURSOR, this.links.prev(node))
    }
  }

  private set(node: number, kind: Kind): void {
    this.steps.store8(node + KIND, kind)
    this.steps.store8(node + REF, 0)
  }

  private isUsed(node: number): boolean {
    return this.steps.load8(node + REF) !== 0
  }

  private count(kind: 0 | 1): number {
    return this.steps.load32(this.at + COUNTS + 4 * kind)
  }
}
