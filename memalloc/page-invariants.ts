/**
 * Walks the whole structure of the page allocator and compares everything it says twice. For tests and for looking
 * into a machine; it changes nothing.
 */
import { InternalError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_SIZE } from '../program/types.ts'
import {
  CACHED,
  descriptor,
  FIRST_PAGE,
  FREE,
  FRONTIER,
  HIGH_WATER,
  LIST_HEADS,
  LIST_LENGTHS,
  MAX_ORDER,
  NEXT,
  ORDER,
  OWNER,
  PAGES,
  PREV,
  STATE,
  USED,
} from './page-layout.ts'

/** A block, as its descriptor says. */
export interface Block {
  readonly page: number
  readonly order: number
  readonly free: boolean
  /** On a CPU's list: neither free nor in use. */
  readonly cached: boolean
  /** 0 for a free block. */
  readonly owner: number
}

/**
 * The blocks below the frontier, by address. Throws InternalError unless they tile it without gap or overlap, buddies
 * that are both free are merged, each free list holds exactly the free blocks of its order, and free pages are zero.
 */
export function checkPages(memory: Memory): readonly Block[] {
  const frontier = FIRST_PAGE + memory.i32[FRONTIER / 4]!
  const blocks = readBlocks(memory, frontier)
  const free = new Map(blocks.filter((block) => block.free).map((block) => [block.page, block.order]))
  for (const [page, order] of free) {
    if (order < MAX_ORDER && free.get(page ^ (2 ** order)) === order) fail(page, 'and its buddy are both free')
    checkZero(memory, page, Math.min(page + 2 ** order, FIRST_PAGE + memory.i32[HIGH_WATER / 4]!))
  }
  for (let order = 0; order <= MAX_ORDER; order++) checkList(memory, order, free)
  if (free.size > 0) fail([...free.keys()][0]!, 'is free, and on no list')
  return blocks
}

function readBlocks(memory: Memory, frontier: number): readonly Block[] {
  const blocks: Block[] = []
  for (let page = FIRST_PAGE; page < frontier; ) {
    const at = descriptor(page)
    const [state, order] = [memory.u8[at + STATE]!, memory.u8[at + ORDER]!]
    if (state !== FREE && state !== USED && state !== CACHED) fail(page, 'begins no block')
    if (order > MAX_ORDER || page % 2 ** order !== 0) fail(page, `has order ${order}`)
    blocks.push({ page, order, free: state === FREE, cached: state === CACHED, owner: memory.u8[at + OWNER]! })
    const end = page + 2 ** order
    if (end > frontier) fail(page, 'reaches over the frontier')
    if (!isBlank(memory, descriptor(page + 1), descriptor(end))) fail(page, 'has another block inside')
    page = end
  }
  // What the next blocks will need to be blank; the rest of the table was never reached.
  if (!isBlank(memory, descriptor(frontier), descriptor(Math.min(frontier + 1024, PAGES)))) {
    fail(frontier, 'lies beyond the frontier, and has been written to')
  }
  return blocks
}

/** Takes what is on a list out of `free`. */
function checkList(memory: Memory, order: number, free: Map<number, number>): void {
  let length = 0
  for (let page = memory.i32[LIST_HEADS / 4 + order]!, prev = 0; page !== 0; length++) {
    if (free.get(page) !== order) fail(page, `is on the list of order ${order}`)
    free.delete(page)
    if (memory.i32[(descriptor(page) + PREV) / 4] !== prev) fail(page, 'does not link back')
    prev = page
    page = memory.i32[(descriptor(page) + NEXT) / 4]!
  }
  const noted = memory.i32[LIST_LENGTHS / 4 + order]!
  if (noted !== length) throw new InternalError(`the list of order ${order} has ${length} blocks, not ${noted}`)
}

function checkZero(memory: Memory, from: number, to: number): void {
  for (let page = from; page < to; page++) {
    if (!isBlank(memory, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)) fail(page, 'is free, and not zero')
  }
}

function isBlank(memory: Memory, from: number, to: number): boolean {
  for (let index = from / 4; index < to / 4; index++) if (memory.i32[index] !== 0) return false
  return true
}

function fail(page: number, what: string): never {
  throw new InternalError(`kernel page 0x${page.toString(16)} ${what}`)
}
