/**
 * The structure of the page allocator: free blocks by order, and what starts where. Everything is in kernel memory; who
 * changes anything holds the zone lock (pages.ts).
 *
 *     free lists     2: [8192..8195] ── [8240..8243]           a block of order n is 2^n pages, aligned to its size;
 *                    1: [8196..8197]                           its buddy differs in bit n of the page number alone
 *                    0: [8199]
 *
 * Blocks come from the free lists, smallest fit first, the lower half of a split before the upper; when no list has one,
 * the frontier moves up by 4 MiB or the size asked for. So low addresses go first.
 */
import { InternalError } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'
import {
  CHUNK_ORDER,
  DESCRIPTOR_BYTES,
  descriptor,
  FIRST_PAGE,
  FREE,
  FRONTIER,
  LIST_HEADS,
  LIST_LENGTHS,
  MAX_ORDER,
  NEXT,
  NONE,
  ORDER,
  OWNER,
  PAGES,
  PREV,
  STATE,
  USED,
} from './page-layout.ts'

/** Takes a block of exactly this order off the lists, splitting a larger one: its page, or 0. */
export function takeBlock(steps: Steps, order: number): number {
  let found = findOrder(steps, order)
  if (found < 0) {
    if (!moveFrontier(steps, order)) return 0
    found = findOrder(steps, order)
  }
  const page = steps.load32(LIST_HEADS + 4 * found)
  unlink(steps, page, found)
  for (; found > order; found--) link(steps, page + 2 ** (found - 1), found - 1)
  return page
}

/** The smallest order at or above this one whose list has a block, or -1. */
function findOrder(steps: Steps, order: number): number {
  for (let at = order; at <= MAX_ORDER; at++) {
    if (steps.load32(LIST_HEADS + 4 * at) !== 0) return at
  }
  return -1
}

/** Makes blocks of never used pages, one of them of at least this order. False where none are left. */
function moveFrontier(steps: Steps, order: number): boolean {
  const chunk = Math.max(order, CHUNK_ORDER)
  const size = 2 ** chunk
  let page = FIRST_PAGE + steps.load32(FRONTIER)
  const start = Math.ceil(page / size) * size
  if (start + size > PAGES) return false
  steps.store32(FRONTIER, start + size - FIRST_PAGE)
  // The gap below an aligned large block: pieces, each as large as its own alignment allows.
  while (page < start) {
    const piece = Math.min(trailingZeros(page), 31 - Math.clz32(start - page))
    release(steps, page, piece)
    page += 2 ** piece
  }
  release(steps, start, chunk)
  return true
}

/** Marks the first `count` pages of a block as used, in pieces of powers of two, and frees the rest. */
export function trim(steps: Steps, block: number, blockOrder: number, count: number, owner: number): void {
  let page = block
  let order = blockOrder
  let left = count
  while (left < 2 ** order) {
    order--
    const half = 2 ** order
    if (left > half) {
      markUsed(steps, page, order, owner)
      page += half
      left -= half
    } else {
      link(steps, page + half, order)
    }
  }
  markUsed(steps, page, order, owner)
}

/** Puts a block on its list, merged with its buddy as long as that is free and whole. */
export function release(steps: Steps, block: number, blockOrder: number): void {
  let page = block
  let order = blockOrder
  for (; order < MAX_ORDER; order++) {
    const buddy = page ^ (2 ** order)
    const at = descriptor(buddy)
    if (steps.load8(at + STATE) !== FREE || steps.load8(at + ORDER) !== order) break
    unlink(steps, buddy, order)
    page = Math.min(page, buddy)
  }
  link(steps, page, order)
}

function link(steps: Steps, page: number, order: number): void {
  const at = descriptor(page)
  const head = steps.load32(LIST_HEADS + 4 * order)
  steps.store8(at + STATE, FREE)
  steps.store8(at + ORDER, order)
  steps.store32(at + NEXT, head)
  if (head !== 0) steps.store32(descriptor(head) + PREV, page)
  steps.store32(LIST_HEADS + 4 * order, page)
  steps.add32(LIST_LENGTHS + 4 * order, 1)
}

function unlink(steps: Steps, page: number, order: number): void {
  const at = descriptor(page)
  const next = steps.load32(at + NEXT)
  const prev = steps.load32(at + PREV)
  if (prev === 0) steps.store32(LIST_HEADS + 4 * order, next)
  else steps.store32(descriptor(prev) + NEXT, next)
  if (next !== 0) steps.store32(descriptor(next) + PREV, prev)
  steps.add32(LIST_LENGTHS + 4 * order, -1)
  clear(steps, page)
}

function markUsed(steps: Steps, page: number, order: number, owner: number): void {
  const at = descriptor(page)
  steps.store8(at + STATE, USED)
  steps.store8(at + ORDER, order)
  steps.store8(at + OWNER, owner)
}

/** Back to "not the first page of a block". */
export function clear(steps: Steps, page: number): void {
  const at = descriptor(page)
  for (let word = 0; word < DESCRIPTOR_BYTES; word += 4) steps.store32(at + word, 0)
}

/** The order of the used block that starts at this page. */
export function usedOrder(steps: Steps, page: number): number {
  if (!Number.isInteger(page) || page < FIRST_PAGE || page >= PAGES) {
    throw new InternalError(`freed ${hex(page * PAGE_SIZE)}, which is no page of the allocator`)
  }
  const state = steps.load8(descriptor(page) + STATE)
  if (state !== USED) {
    const why = state === FREE ? 'which is free already' : 'where no block in use starts'
    throw new InternalError(`freed ${hex(page * PAGE_SIZE)}, ${why}`)
  }
  return steps.load8(descriptor(page) + ORDER)
}

/** First page behind the used block that holds this page; 0 where none does. */
export function endOfUsedBlock(steps: Steps, page: number): number {
  if (page < FIRST_PAGE || page >= PAGES) return 0
  // A block that holds the page starts at the page with some number of low bits cleared.
  for (let order = 0; order <= MAX_ORDER; order++) {
    const start = page - (page % 2 ** order)
    const at = descriptor(start)
    const state = steps.load8(at + STATE)
    if (state !== NONE && steps.load8(at + ORDER) >= order) {
      return state === USED ? start + 2 ** steps.load8(at + ORDER) : 0
    }
  }
  return 0
}

/** The smallest order whose blocks hold `count` pages. */
export function orderOf(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1)
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value)
}

export function hex(offset: number): string {
  return `0x${offset.toString(16)}`
}
