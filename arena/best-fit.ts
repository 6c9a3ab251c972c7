/**
 * Best-fit placement, as Linux 6.13 and later do it: the smallest free range that is large enough; among equal sizes
 * the one put in last; its lowest pages.
 *
 *     by position    page           -> stamp            free ranges, none touching another
 *     by size        (size, -stamp) -> first page       the same ranges; the next entry from (n, newest) on is the pick
 *
 * The stamp of a range is the time of its last change: whenever its bounds change it counts as new. Linux keeps two
 * red-black trees; two maple trees give the same answers.
 */
import { ERRNO, InternalError } from '../errors/errors.ts'
import { checkTree } from './maple/check.ts'
import type { NodeStore } from './maple/store.ts'
import { MapleTree } from './maple/tree.ts'
import { nodesForStore } from './maple/write.ts'
import type { FreeRanges } from './ranges.ts'

/** A key by size is size * 2^31 + (2^31 - 1 - stamp): below 2^53 for sizes below 2^22. */
const STAMPS: number = 2 ** 31

export class BestFit implements FreeRanges {
  readonly #store: NodeStore
  readonly #byPosition: MapleTree
  readonly #bySize: MapleTree
  /** Cell of the next stamp. */
  readonly #stamp: number

  /** Pages [0, count) are free. `firstStamp` is for tests of the stamps' end. */
  constructor(store: NodeStore, count: number, firstStamp = 0) {
    this.#store = store
    this.#byPosition = new MapleTree(store, false)
    this.#bySize = new MapleTree(store, false)
    this.#stamp = store.cell()
    store.i32[this.#stamp] = firstStamp
    this.#put(0, count - 1)
  }

  find(count: number): number {
    return this.#bySize.next(count * STAMPS) ? this.#bySize.value - 1 : -1
  }

  covered(start: number, count: number): boolean {
    return this.#byPosition.load(start) !== 0 && this.#byPosition.last >= start + count - 1
  }

  clear(start: number, count: number): number {
    const last = start + count - 1
    const ranges = this.#byPosition
    for (let at = start; ; ) {
      if (!this.#prepare()) return -ERRNO.ENOMEM
      if (!ranges.next(at) || ranges.first > last) return 0
      const { first: oldFirst, last: oldLast } = ranges
      this.#unindex(oldFirst, oldLast, ranges.value - 1)
      // Left part first: the right one is the newer.
      if (oldFirst < start) this.#put(oldFirst, start - 1)
      if (oldLast > last) this.#put(last + 1, oldLast)
      const middle = Math.max(oldFirst, start)
      this.#expect(ranges.storeRange(middle, Math.min(oldLast, last), 0))
      if (oldLast >= last) return 0
      at = oldLast + 1
    }
  }

  set(start: number, count: number): number {
    if (this.covered(start, count)) return 0
    const cleared = this.clear(start, count)
    if (cleared !== 0) return cleared
    if (!this.#prepare()) return -ERRNO.ENOMEM
    const ranges = this.#byPosition
    let first = start
    let last = start + count - 1
    if (ranges.load(last + 1) !== 0) {
      last = ranges.last
      this.#unindex(ranges.first, last, ranges.value - 1)
    }
    if (first > 0 && ranges.load(first - 1) !== 0) {
      first = ranges.first
      this.#unindex(first, ranges.last, ranges.value - 1)
    }
    this.#put(first, last)
    return 0
  }

  take(page: number): number {
    return this.clear(page, 1)
  }

  *ranges(): IterableIterator<readonly [number, number]> {
    for (const [first, last] of this.#byPosition.entries()) yield [first, last]
  }

  destroy(): void {
    this.#store.destroy()
  }

  /** Nodes that look-ups in both trees went through so far. */
  get visits(): number {
    return this.#byPosition.visits + this.#bySize.visits
  }

  check(): void {
    const count = checkTree(this.#byPosition).entries
    if (checkTree(this.#bySize).entries !== count) throw new InternalError('a free range is in one index only')
    let before = -1
    for (const [first, last, value] of this.#byPosition.entries()) {
      if (first <= before + 1 && before >= 0) throw new InternalError(`free ranges touch at ${first}`)
      const key = keyOf(last - first + 1, value - 1)
      if (this.#bySize.load(key) !== first + 1) throw new InternalError(`free range ${first} is not found by its size`)
      before = last
    }
  }

  /** Before a record is changed: nodes for at most two ranges dropped and two put in, in both trees; two stamps. */
  #prepare(): boolean {
    if (!this.#store.ensure(4 * (nodesForStore(this.#byPosition) + nodesForStore(this.#bySize)))) return false
    if (this.#store.i32[this.#stamp]! >= STAMPS - 2) this.#renumber()
    return true
  }

  /** Overwrites whatever the index by position has there. */
  #put(first: number, last: number): void {
    const stamp = this.#store.i32[this.#stamp]!++
    const key = keyOf(last - first + 1, stamp)
    this.#expect(this.#byPosition.storeRange(first, last, stamp + 1))
    this.#expect(this.#bySize.storeRange(key, key, first + 1))
  }

  /** Takes a range out of the index by size. */
  #unindex(first: number, last: number, stamp: number): void {
    const key = keyOf(last - first + 1, stamp)
    this.#expect(this.#bySize.storeRange(key, key, 0))
  }

  #expect(result: number): void {
    if (result !== 0) throw new InternalError(`a change of the free ranges failed with ${result}`)
  }

  /** After nearly 2^31 changes the stamps start again from 0, in the same order. */
  #renumber(): void {
    const byAge = [...this.#byPosition.entries()].sort((a, b) => a[2] - b[2])
    this.#store.i32[this.#stamp] = byAge.length
    for (const [index, [first, last, value]] of byAge.entries()) {
      // Ascending stamps never meet one that is still in use: the n-th oldest is at least n.
      this.#unindex(first, last, value - 1)
      const key = keyOf(last - first + 1, index)
      this.#expect(this.#bySize.storeRange(key, key, first + 1))
      this.#expect(this.#byPosition.storeRange(first, last, index + 1))
    }
  }
}

function keyOf(size: number, stamp: number): number {
  return size * STAMPS + (STAMPS - 1 - stamp)
}
