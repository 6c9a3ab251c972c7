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

  /** Byte ranges to zero before the memory is used for something else. They may overlap. */
  readonly spans = (): Touched => [...this.#table.spans(), ...this.#viewedSpans()].map(bytesOf)

  #viewedSpans(): [number, number][] {
    const viewed = this.#viewed
    const found: [number, number][] = []
    let first = viewed?.indexOf(1) ?? -1
    while (viewed !== undefined && first >= 0) {
      const behind = viewed.indexOf(0, first)
      const last = behind < 0 ? WINDOW_PAGES - 1 : behind - 1
      found.push([first, last])
      first = viewed.indexOf(1, last + 1)
    }
    return found
  }
}

function bytesOf([first, last]: readonly [number, number]): readonly [from: number, to: number] {
  return [first * PAGE_SIZE, (last + 1) * PAGE_SIZE]
}
