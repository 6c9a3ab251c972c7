/**
 * Both placement policies over a plain list: slow, short, plainly right. The model that tests hold the real
 * structures against; written from the policies' definitions, not from the real structures.
 */
import { ERRNO, InternalError } from '../errors/errors.ts'
import type { FreeRanges } from './ranges.ts'

interface Range {
  first: number
  last: number
  /** When the record was last put in: among equal sizes the latest wins. */
  stamp: number
}

/** Free ranges with best fit. */
export class NaiveBestFit implements FreeRanges {
  #list: Range[] = []
  #stamp = 0

  /** Pages [0, count) are free. */
  constructor(count: number) {
    this.#put(0, count - 1)
  }

  find(count: number): number {
    let best: Range | undefined
    for (const range of this.#list) {
      const size = range.last - range.first + 1
      if (size < count) continue
      const bestSize = best === undefined ? Number.POSITIVE_INFINITY : best.last - best.first + 1
      if (size < bestSize || (size === bestSize && best !== undefined && range.stamp > best.stamp)) best = range
    }
    return best?.first ?? -1
  }

  covered(start: number, count: number): boolean {
    return this.#list.some((range) => range.first <= start && range.last >= start + count - 1)
  }

  clear(start: number, count: number): number {
    const last = start + count - 1
    const hit = this.#list.filter((range) => range.first <= last && range.last >= start)
    this.#list = this.#list.filter((range) => !hit.includes(range))
    for (const range of hit.sort((a, b) => a.first - b.first)) {
      if (range.first < start) this.#put(range.first, start - 1)
      if (range.last > last) this.#put(last + 1, range.last)
    }
    return 0
  }

  set(start: number, count: number): number {
    if (this.covered(start, count)) return 0
    this.clear(start, count)
    const left = this.#list.find((range) => range.last === start - 1)
    const right = this.#list.find((range) => range.first === start + count)
    this.#list = this.#list.filter((range) => range !== left && range !== right)
    this.#put(left?.first ?? start, right?.last ?? start + count - 1)
    return 0
  }

  take(page: number): number {
    return this.clear(page, 1)
  }

  *ranges(): IterableIterator<readonly [number, number]> {
    for (const range of this.#list.toSorted((a, b) => a.first - b.first)) yield [range.first, range.last]
  }

  destroy(): void {
    this.#list = []
  }

  check(): void {
    for (const [first] of this.ranges()) {
      if (this.#list.some((one) => one.last === first - 1)) throw new InternalError(`free ranges touch at ${first}`)
    }
  }

  #put(first: number, last: number): void {
    this.#list.push({ first, last, stamp: this.#stamp++ })
  }
}

/** Occupied pages with first fit. */
export class NaiveFirstFit implements FreeRanges {
  readonly #taken = new Set<number>()

  find(count: number, window: number): number {
    for (let start = 0; start + count <= window; start++) if (this.covered(start, count)) return start
    return -1
  }

  covered(start: number, count: number): boolean {
    for (let page = start; page < start + count; page++) if (this.#taken.has(page)) return false
    return true
  }

  clear(start: number, count: number): number {
    for (let page = start; page < start + count; page++) this.#taken.add(page)
    return 0
  }

  set(start: number, count: number): number {
    for (let page = start; page < start + count; page++) this.#taken.delete(page)
    return 0
  }

  take(page: number): number {
    return this.#taken.has(page) ? -ERRNO.EEXIST : this.clear(page, 1)
  }

  *ranges(): IterableIterator<readonly [number, number]> {
    let first = 0
    for (const page of [...this.#taken].sort((a, b) => a - b)) {
      if (page > first) yield [first, page - 1]
      first = page + 1
    }
    yield [first, Number.MAX_SAFE_INTEGER]
  }

  destroy(): void {
    this.#taken.clear()
  }

  check(): void {
    for (const page of this.#taken) if (!(page >= 0)) throw new InternalError(`page ${page} is taken`)
  }
}
