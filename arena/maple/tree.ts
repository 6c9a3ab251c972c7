/**
 * A maple tree: a map from every index 0 … 2^53 - 1 to an entry or "empty", kept as ranges in a B-tree.
 *
 *                     [ child 0 | 40 | child 1 | 99 | child 2 ]                inner: pivots between children
 *                     /               |                      \
 *     [ A | 9 | · | 19 | B | 40 ] [ C | 55 | · | 70 | D ] [ · | 200 | E | 300 | · ]      leaves: 0-9 A, 10-19 empty, …
 *
 * Adjacent empty ranges are always one; equal entries side by side stay apart. Only the last leaf may end in an empty
 * range, so that no gap lies in two leaves. All nodes but the root are filled to a minimum; all leaves lie at one
 * depth. With `gaps` the inner nodes also record the largest gap below each child, and `area` finds free space in
 * logarithmic time. Operations answer as those of Linux's maple tree do, on a smaller index space. Nodes are rewritten
 * in place: readers hold no nodes across a write.
 *
 *     node.ts    what a node looks like           write.ts   storing a range: in place, split, merge, spanning
 *     store.ts   where nodes come from            search.ts  empty areas, from below and from above
 *     check.ts   what must hold
 *
 * Look-ups leave what they found in `first`, `last` and `value`: no object is made for a result. Error numbers are
 * negative, as in the kernel.
 */
import { ERRNO } from '../../errors/errors.ts'
import { childOf, endOf, Kind, kindOf, PIVOTS, slotsAt, TOP } from './node.ts'
import { searchForward, searchReverse } from './search.ts'
import type { NodeStore } from './store.ts'
import { storeRange, Writer } from './write.ts'

export class MapleTree {
  readonly store: NodeStore
  /** Inner nodes track gaps. */
  readonly gaps: boolean
  /** Scratch space of writes. */
  readonly writer: Writer = new Writer()
  /** Nodes that look-ups went through so far. */
  visits = 0

  /** The range that the last look-up ended at, and its entry. */
  first = 0
  last = 0
  value = 0
  /** The same as leaf, slot, and bounds of the leaf. */
  leaf = 0
  slot = 0
  leafFirst = 0
  leafLast = 0

  readonly #root: number

  /** An empty tree, or a handle onto the one whose root is in this cell. */
  constructor(store: NodeStore, gaps: boolean, cell: number = store.cell()) {
    this.store = store
    this.gaps = gaps
    this.#root = cell
  }

  /** Handle of the root node; 0 for a tree without entries. */
  get root(): number {
    return this.store.i32[this.#root]!
  }

  set root(node: number) {
    this.store.i32[this.#root] = node
  }

  /** Levels of nodes. */
  get height(): number {
    let height = 0
    for (let node = this.root; node !== 0; height++) {
      if (kindOf(this.store, node) === Kind.LEAF) return height + 1
      node = childOf(this.store, node, 0)
    }
    return height
  }

  /** The entry at an index, 0 for empty. The cursor fields tell the range. */
  load(index: number): number {
    const { f64, i32 } = this.store
    let node = this.root
    this.leafFirst = 0
    this.leafLast = TOP
    if (node === 0) {
      this.first = 0
      this.last = TOP
      this.leaf = 0
      this.slot = 0
      this.value = 0
      return 0
    }
    for (;;) {
      this.visits++
      const header = i32[2 * node + 1]!
      const end = (header >> 8) & 0xff
      let slot = 0
      while (slot < end && f64[node + PIVOTS + slot]! < index) slot++
      const kind = (header & 0xff) as Kind
      const content = f64[node + slotsAt(kind) + slot]!
      if (kind === Kind.LEAF) {
        this.leaf = node
        this.slot = slot
        this.first = slot > 0 ? f64[node + PIVOTS + slot - 1]! + 1 : this.leafFirst
        this.last = slot < end ? f64[node + PIVOTS + slot]! : this.leafLast
        this.value = content
        return content
      }
      if (slot > 0) this.leafFirst = f64[node + PIVOTS + slot - 1]! + 1
      if (slot < end) this.leafLast = f64[node + PIVOTS + slot]!
      node = content
    }
  }

  /** Goes to the first non-empty range that ends at or behind an index. False when there is none. */
  next(index: number): boolean {
    if (index > TOP) return false
    if (this.load(index) !== 0) return true
    if (this.last === TOP) return false
    // An empty range that does not end the tree is followed by an entry in the same leaf.
    this.#goTo(this.slot + 1)
    return true
  }

  /** Goes to the last non-empty range that begins at or before an index. False when there is none. */
  previous(index: number): boolean {
    if (index < 0) return false
    if (this.load(index) !== 0) return true
    if (this.first === 0) return false
    if (this.slot > 0) {
      this.#goTo(this.slot - 1)
      return true
    }
    // The leaf before ends in an entry.
    this.load(this.first - 1)
    return true
  }

  /** Overwrites [first, last], whatever is there; entry 0 empties it. 0, -EINVAL or -ENOMEM (nothing changed). */
  storeRange(first: number, last: number, value: number): number {
    return storeRange(this, first, last, value)
  }

  /** Stores an entry where all is empty; -EEXIST otherwise. */
  insertRange(first: number, last: number, value: number): number {
    if (value === 0 || !isSpan(first, last)) return -ERRNO.EINVAL
    if (this.load(first) !== 0 || this.last < last) return -ERRNO.EEXIST
    return storeRange(this, first, last, value)
  }

  /** Empties the whole range that holds an index. Returns its entry, 0 for none, or -ENOMEM. */
  erase(index: number): number {
    const value = this.load(index)
    if (value === 0) return 0
    const result = storeRange(this, this.first, this.last, 0)
    return result < 0 ? result : value
  }

  /** The lowest start of `count` empty indices within [min, max]; -EBUSY for none, -EINVAL. Trees with gaps only. */
  area(min: number, max: number, count: number): number {
    if (!this.#isArea(min, max, count)) return -ERRNO.EINVAL
    if (this.root === 0) return min
    const found = searchForward(this, this.root, 0, TOP, min, max, count)
    return found < 0 ? -ERRNO.EBUSY : found
  }

  /** The highest such start. */
  areaReverse(min: number, max: number, count: number): number {
    if (!this.#isArea(min, max, count)) return -ERRNO.EINVAL
    if (this.root === 0) return max - count + 1
    const found = searchReverse(this, this.root, 0, TOP, min, max, count)
    return found < 0 ? -ERRNO.EBUSY : found
  }

  /** Stores an entry over the lowest empty area. Its start, or -EBUSY, -EINVAL, -ENOMEM. */
  allocRange(value: number, count: number, min: number, max: number): number {
    return this.#place(value, count, this.area(min, max, count))
  }

  /** Stores an entry over the highest empty area. */
  allocRangeReverse(value: number, count: number, min: number, max: number): number {
    return this.#place(value, count, this.areaReverse(min, max, count))
  }

  /** The non-empty ranges, ascending. The tree may change meanwhile. */
  *entries(): IterableIterator<readonly [first: number, last: number, value: number]> {
    for (let at = 0; this.next(at); ) {
      const { last } = this
      yield [this.first, last, this.value]
      at = last + 1
    }
  }

  #place(value: number, count: number, start: number): number {
    if (value === 0) return -ERRNO.EINVAL
    if (start < 0) return start
    const result = storeRange(this, start, start + count - 1, value)
    return result < 0 ? result : start
  }

  #isArea(min: number, max: number, count: number): boolean {
    return this.gaps && isSpan(min, max) && count > 0 && max - min >= count - 1
  }

  #goTo(slot: number): void {
    const { f64 } = this.store
    this.slot = slot
    this.first = slot > 0 ? f64[this.leaf + PIVOTS + slot - 1]! + 1 : this.leafFirst
    this.last = slot < endOf(this.store, this.leaf) ? f64[this.leaf + PIVOTS + slot]! : this.leafLast
    this.value = f64[this.leaf + slotsAt(Kind.LEAF) + slot]!
  }
}

function isSpan(first: number, last: number): boolean {
  return first >= 0 && first <= last && last <= TOP
}
