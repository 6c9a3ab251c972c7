/**
 * Which pages of an arena's 4 GiB are present: a byte a page in kernel memory, by (low 32 address bits) >> 12.
 *
 *     byte of page p:   bit 0  p is present
 *                       bit 1  p + 1 is present     (never set for the last page: what lies beyond is absent)
 *                       bit 2  p - 1 is present     (never set for page 0)
 *
 * A byte of 7 at the page of an access's base register makes every access at |offset| + size <= 4096 exact with no
 * other test: wherever it lands, the page is there. All other values go through access.ts.
 */
import { InternalError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'

/** Bits of a page's byte. */
export const Present = { THIS: 1, NEXT: 2, PREVIOUS: 4, ALL: 7 } as const

/** Pages in 4 GiB. */
export const WINDOW_PAGES: number = 2 ** 20

/** 2^8 kernel pages hold the table. */
export const PAGE_TABLE_ORDER = 8

export class PageTable {
  /** Offset of the table in kernel memory. */
  readonly base: number
  /** Kernel memory, byte by byte. */
  readonly bytes: Uint8Array
  /** The same, four pages at a time. */
  readonly #words: Int32Array
  /** Pages present. */
  count = 0

  /** `base`: 2^20 zero bytes of kernel memory. */
  constructor(kernel: Memory, base: number) {
    this.base = base
    this.bytes = kernel.u8
    this.#words = kernel.i32
  }

  has(page: number): boolean {
    return (this.bytes[this.base + page]! & Present.THIS) !== 0
  }

  /** The first present page in [first, last], or -1. */
  next(first: number, last: number): number {
    const { bytes, base } = this
    for (let page = first; page <= last; page++) if ((bytes[base + page]! & Present.THIS) !== 0) return page
    return -1
  }

  /** The last page up to `last` before which, from `first` on, all are present; first - 1 when that is absent. */
  endOfRun(first: number, last: number): number {
    const { bytes, base } = this
    let page = first
    while (page <= last && (bytes[base + page]! & Present.THIS) !== 0) page++
    return page - 1
  }

  /** Spans of present pages, ascending, as [first, last]. */
  spans(): [number, number][] {
    const found: [number, number][] = []
    // Most arenas are small: nothing is looked for behind the last page.
    let left = this.count
    for (let page = 0; left > 0 && page < WINDOW_PAGES; ) {
      if (page % 4 === 0 && this.#words[(this.base + page) >>> 2] === 0) {
        page += 4
        continue
      }
      const first = page
      while (page < WINDOW_PAGES && this.has(page)) page++
      left -= page - first
      if (page > first) found.push([first, page - 1])
      else page++
    }
    return found
  }

  /** Makes `count` absent pages from `first` on present. The span ends within the 4 GiB. */
  add(first: number, count: number): void {
    const { bytes, base } = this
    const last = first + count - 1
    if (this.next(first, last) >= 0) throw new InternalError(`arena page ${first} + ${count} is present already`)
    const before = bytes[base + first]! & Present.PREVIOUS
    const after = bytes[base + last]! & Present.NEXT
    bytes.fill(Present.ALL, base + first, base + last + 1)
    if (before === 0) bytes[base + first]! &= ~Present.PREVIOUS
    if (after === 0) bytes[base + last]! &= ~Present.NEXT
    if (first > 0) bytes[base + first - 1]! |= Present.NEXT
    if (last < WINDOW_PAGES - 1) bytes[base + last + 1]! |= Present.PREVIOUS
    this.count += count
  }

  /** Makes `count` present pages from `first` on absent. */
  remove(first: number, count: number): void {
    const { bytes, base } = this
    const last = first + count - 1
    if (this.endOfRun(first, last) !== last) throw new InternalError(`arena page ${first} + ${count} is absent already`)
    const before = bytes[base + first]! & Present.PREVIOUS
    const after = bytes[base + last]! & Present.NEXT
    bytes.fill(0, base + first, base + last + 1)
    bytes[base + first]! |= before
    bytes[base + last]! |= after
    if (first > 0) bytes[base + first - 1]! &= ~Present.NEXT
    if (last < WINDOW_PAGES - 1) bytes[base + last + 1]! &= ~Present.PREVIOUS
    this.count -= count
  }

  /** Throws InternalError where the bits of some page do not agree with its neighbours', or the count is wrong. */
  check(): void {
    const { bytes, base } = this
    let count = 0
    let previous = 0
    for (let page = 0; page < WINDOW_PAGES; page++) {
      // Four pages that are absent, with nothing present on either side.
      const end = base + page + 4
      if (page % 4 === 0 && previous === 0 && this.#words[(base + page) >>> 2] === 0) {
        if (page + 4 === WINDOW_PAGES || (bytes[end]! & Present.THIS) === 0) {
          page += 3
          continue
        }
      }
      const current = bytes[base + page]! & Present.THIS
      const next = page < WINDOW_PAGES - 1 ? bytes[base + page + 1]! & Present.THIS : 0
      const expected = current | (next << 1) | (previous << 2)
      const found = bytes[base + page]!
      if (found !== expected) throw new InternalError(`page table byte ${page} is ${found}, not ${expected}`)
      count += current
      previous = current
    }
    if (count !== this.count) throw new InternalError(`${count} arena pages are present, ${this.count} counted`)
  }
}
