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
    while (ranges.next(start) && ranges.first <= last) {
      if (!this.#ensure()) return -ERRNO.ENOMEM
      const { first: oldFirst, last: oldLast } = ranges
      this.#drop(oldFirst, oldLast, ranges.value - 1)
      // Left part first: the right one is the newer.
      if (oldFirst < start) this.#put(oldFirst, start - 1)
      if (oldLast > last) this.#put(last + 1, oldLast)
    }
    return 0
  }

  set(start: number, count: number): number {
    if (this.covered(start, count)) return 0
    const cleared = this.clear(start, count)
    if (cleared !== 0) return cleared
    if (!this.#ensure()) return -ERRNO.ENOMEM
    const ranges = this.#byPosition
    let first = start
    let last = start + count - 1
    if (ranges.load(last + 1) !== 0) {
      last = ranges.last
      this.#drop(ranges.first, last, ranges.value - 1)
    }
    if (first > 0 && ranges.load(first - 1) !== 0) {
      first = ranges.first
      this.#drop(first, ranges.last, ranges.value - 1)
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

  /** Nodes for one change of a record: at most two ranges dropped and two put in, in both trees. */
  #ensure(): boolean {
    return this.#store.ensure(4 * (nodesForStore(this.#byPosition) + nodesForStore(this.#bySize)))
  }

  #put(first: number, last: number): void {
    const stamp = this.#nextStamp()
    if (this.#byPosition.storeRange(first, last, stamp + 1) + this.#index(first, last, stamp) !== 0) {
      throw new InternalError('a free range could not be stored')
    }
  }

  #index(first: number, last: number, stamp: number): number {
    const key = keyOf(last - first + 1, stamp)
    return this.#bySize.storeRange(key, key, first + 1)
  }

  #drop(first: number, last: number, stamp: number): void {
    const key = keyOf(last - first + 1, stamp)
    if (this.#byPosition.storeRange(first, last, 0) + this.#bySize.storeRange(key, key, 0) !== 0) {
      throw new InternalError('a free range could not be removed')
    }
  }

  #nextStamp(): number {
    const { i32 } = this.#store
    if (i32[this.#stamp]! === STAMPS - 1) this.#renumber()
    return i32[this.#stamp]!++
  }

  /** After 2^31 changes the stamps start again from 0, in the same order. */
  #renumber(): void {
    const byAge = [...this.#byPosition.entries()].sort((a, b) => a[2] - b[2])
    this.#store.i32[this.#stamp] = byAge.length
    for (const [index, [first, last, value]] of byAge.entries()) {
      // Ascending stamps never meet one that is still in use: the n-th oldest is at least n.
      const old = keyOf(last - first + 1, value - 1)
      const failed = this.#bySize.storeRange(old, old, 0) + this.#byPosition.storeRange(first, last, index + 1)
      if (failed + this.#index(first, last, index) !== 0) throw new InternalError('a free range lost its stamp')
    }
  }
}

function keyOf(size: number, stamp: number): number {
  return size * STAMPS + (STAMPS - 1 - stamp)
}
