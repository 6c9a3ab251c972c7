/**
 * First-fit placement, as Linux 6.9 to 6.12 do it: a maple tree of occupied pages that tracks gaps; the lowest gap in
 * the user window that is large enough. max_entries plays no part.
 */
import { checkTree } from './maple/check.ts'
import { TOP } from './maple/node.ts'
import type { NodeStore } from './maple/store.ts'
import { MapleTree } from './maple/tree.ts'
import type { FreeRanges } from './ranges.ts'

/** What an occupied page holds. */
const OCCUPIED = 1

export class FirstFit implements FreeRanges {
  readonly #store: NodeStore
  readonly #occupied: MapleTree

  constructor(store: NodeStore) {
    this.#store = store
    this.#occupied = new MapleTree(store, true)
  }

  find(count: number, window: number): number {
    const start = window === 0 ? -1 : this.#occupied.area(0, window - 1, count)
    return start < 0 ? -1 : start
  }

  covered(start: number, count: number): boolean {
    return this.#occupied.load(start) === 0 && this.#occupied.last >= start + count - 1
  }

  clear(start: number, count: number): number {
    return this.#occupied.storeRange(start, start + count - 1, OCCUPIED)
  }

  set(start: number, count: number): number {
    return this.#occupied.storeRange(start, start + count - 1, 0)
  }

  take(page: number): number {
    return this.#occupied.insertRange(page, page, OCCUPIED)
  }

  *ranges(): IterableIterator<readonly [number, number]> {
    let first = 0
    for (const [from, to] of this.#occupied.entries()) {
      if (from > first) yield [first, from - 1]
      first = to + 1
    }
    if (first <= TOP) yield [first, TOP]
  }

  destroy(): void {
    this.#store.destroy()
  }

  check(): void {
    checkTree(this.#occupied)
  }
}
