/**
 * Which bytes of an arena's memory may be other than zero: those of present pages and, because a live view reaches
 * absent pages too, those that a view was handed out for. Kept apart from Arena: the pool asks it after the machine
 * is forgotten, so it must not lead there.
 */
import type { Memory } from '../memory/memory.ts'
import type { Touched } from '../memory/pool.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { type PageTable, WINDOW_PAGES } from './page-table.ts'

export class TouchedPages {
  readonly #table: PageTable
  /** A byte a page that some view covers; made with the first view. */
  #viewed: Uint8Array | undefined

  constructor(table: PageTable) {
    this.#table = table
  }

  /** A view covers these pages. */
  note(first: number, last: number): void {
    this.#viewed ??= new Uint8Array(WINDOW_PAGES)
    this.#viewed.fill(1, first, last + 1)
  }

  /** Zeroes what a view may have written to pages that are about to be present. */
  clear(memory: Memory, first: number, last: number): void {
    if (this.#viewed === undefined) return
    for (let page = first; page <= last; page++) {
      if (this.#viewed[page] !== 0) memory.u8.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    }
  }

  /** Byte ranges to zero before the memory is used for something else. */
  readonly spans = (): Touched => {
    const spans: [number, number][] = []
    const viewed = this.#viewed
    let from = -1
    for (let page = 0; page <= WINDOW_PAGES; page++) {
      const dirty = page < WINDOW_PAGES && (this.#table.has(page) || (viewed !== undefined && viewed[page] !== 0))
      if (dirty && from < 0) from = page
      if (!dirty && from >= 0) {
        spans.push([from * PAGE_SIZE, page * PAGE_SIZE])
        from = -1
      }
    }
    return spans
  }
}
