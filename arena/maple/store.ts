/**
 * Where the nodes of an arena's maple trees live: pages of kernel memory, cut into records of 256 bytes.
 *
 *     page   | header | node | node | …  15 nodes |       header of every page: next page
 *              └ of the first page also: free list, counts, and the cells in which trees keep their roots
 *
 * Free nodes form a list through their header words. Pages stay until the store is destroyed.
 */
import { InternalError } from '../../errors/errors.ts'
import { type PageAllocator, PageOwner } from '../../memalloc/pages.ts'
import type { Memory } from '../../memory/memory.ts'
import { PAGE_SIZE } from '../../program/types.ts'
import { Kind, kindOf, NODE_WORDS, type NodeMemory, setHeader } from './node.ts'

const NODES_PER_PAGE = PAGE_SIZE / (8 * NODE_WORDS) - 1

// int32 fields of a page's header, from its first byte on.
const NEXT_PAGE = 0
const FREE_HEAD = 1
const FREE_COUNT = 2
const USED_COUNT = 3
const CELL_COUNT = 4
const FIRST_CELL = 8
const LAST_CELL = 63

export class NodeStore implements NodeMemory {
  readonly f64: Float64Array
  readonly i32: Int32Array
  readonly #pages: PageAllocator
  /** Index of the first page's header in i32. */
  readonly #header: number

  /** `first`: the store's first page, a zero page of kernel memory. See makeNodeStore. */
  constructor(memory: Memory, pages: PageAllocator, first: number) {
    this.f64 = new Float64Array(memory.buffer)
    this.i32 = memory.i32
    this.#pages = pages
    this.#header = first / 4
    this.#carve(first)
  }

  /** Nodes in use. */
  get used(): number {
    return this.i32[this.#header + USED_COUNT]!
  }

  /** An int32 that lasts as long as the store, zero at first: its index in `i32`. */
  cell(): number {
    const index = FIRST_CELL + this.i32[this.#header + CELL_COUNT]!
    if (index > LAST_CELL) throw new InternalError('a node store ran out of cells')
    this.i32[this.#header + CELL_COUNT]!++
    return this.#header + index
  }

  /** Makes sure that `count` nodes are to be had. False when there is no memory for them. */
  ensure(count: number): boolean {
    while (this.i32[this.#header + FREE_COUNT]! < count) {
      const page = this.#pages.alloc(0, PageOwner.ARENA)
      if (page === 0) return false
      this.i32[page / 4 + NEXT_PAGE] = this.i32[this.#header + NEXT_PAGE]!
      this.i32[this.#header + NEXT_PAGE] = page
      this.#carve(page)
    }
    return true
  }

  /** A node with undefined contents. Writers call `ensure` first. */
  alloc(kind: Kind, end: number): number {
    const { i32 } = this
    const node = i32[this.#header + FREE_HEAD]!
    if (node === 0) throw new InternalError('a node store is empty: its user did not ensure enough nodes')
    i32[this.#header + FREE_HEAD] = i32[2 * node]!
    i32[this.#header + FREE_COUNT]!--
    i32[this.#header + USED_COUNT]!++
    setHeader(this, node, kind, end)
    return node
  }

  free(node: number): void {
    if (kindOf(this, node) === Kind.FREE) throw new InternalError(`maple node ${node} freed twice`)
    this.#link(node)
    this.i32[this.#header + USED_COUNT]!--
  }

  /** Gives the pages back; every tree of the store is gone. */
  destroy(): void {
    const first = this.#header * 4
    for (let page = this.i32[this.#header + NEXT_PAGE]! >>> 0; page !== 0; ) {
      const next = this.i32[page / 4 + NEXT_PAGE]! >>> 0
      this.#pages.free(page)
      page = next
    }
    this.#pages.free(first)
  }

  #carve(page: number): void {
    // Pushed from the last on, so that the first is handed out first.
    for (let index = NODES_PER_PAGE; index >= 1; index--) this.#link(page / 8 + index * NODE_WORDS)
  }

  #link(node: number): void {
    const { i32 } = this
    setHeader(this, node, Kind.FREE, 0)
    i32[2 * node] = i32[this.#header + FREE_HEAD]!
    i32[this.#header + FREE_HEAD] = node
    i32[this.#header + FREE_COUNT]!++
  }
}

/** An empty store of one page; undefined when there is no memory for it. */
export function makeNodeStore(memory: Memory, pages: PageAllocator): NodeStore | undefined {
  const first = pages.alloc(0, PageOwner.ARENA)
  return first === 0 ? undefined : new NodeStore(memory, pages, first)
}
