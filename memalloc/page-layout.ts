/**
 * Where the page allocator (pages.ts) keeps its state in kernel memory.
 *
 *     byte 0          4 KiB     8 KiB                  4 MiB               36 MiB          frontier          4 GiB
 *     ├─ null, and    ┼─ header ┼─ fixed tables ───────┼─ page table:      ┼─ blocks ───────┼─ never used ─────┤
 *     │  run areas    │         │                      │  32 bytes a page  │                │                  │
 *
 *     null     never handed out. Programs' run areas (vm/run-areas.ts) lie there, where nothing has to be allocated
 *     header   free lists, one an order: page number of the first block (0 ends a list), and its length;
 *              frontier, high-water mark, pages in use (in all, and by owner), limit, zone lock, deferred frees
 *     fixed    the CPUs' page lists (page-lists.ts), then kmalloc's caches (kmalloc.ts)
 *     page     state | order | owner | 0     next: u32     prev: u32     slab's fields (slab-layout.ts)
 *              only the first page of a block has a state; the others are all zero
 */
import { PAGE_SIZE } from '../program/types.ts'

/** Largest block: 2^19 pages, 2 GiB. */
export const MAX_ORDER = 19

/** The frontier moves by blocks of at least this order. */
export const CHUNK_ORDER = 10
export const PAGES: number = 2 ** 20

/** The page table: a descriptor a page, those of the table's own pages unused. */
export const TABLE: number = 4 * 2 ** 20
export const DESCRIPTOR_BYTES = 32
/** First page that is handed out. */
export const FIRST_PAGE: number = (TABLE + PAGES * DESCRIPTOR_BYTES) / PAGE_SIZE

/** The run areas: the page's first bytes stay free for pointers that are null. */
export const RUN_AREAS = 128
export const RUN_AREAS_END: number = PAGE_SIZE - 1024
/** Keys and values of user space's operations on maps, for as long as one takes; behind the run areas. */
export const USER_BUFFERS: number = RUN_AREAS_END
export const USER_BUFFERS_END: number = PAGE_SIZE

// Fields of a page descriptor.
export const STATE = 0
export const ORDER = 1
export const OWNER = 2
export const NEXT = 4
export const PREV = 8

export const NONE = 0
export const FREE = 1
export const USED = 2
/** On the list of a CPU: free, and not merged. */
export const CACHED = 3

// Fields of the header.
export const HEADER: number = PAGE_SIZE
export const LIST_HEADS: number = HEADER
export const LIST_LENGTHS: number = HEADER + 0x80
export const OWNER_PAGES: number = HEADER + 0x100
/** Pages above FIRST_PAGE that belong to some block. */
export const FRONTIER: number = HEADER + 0x180
/** Pages above FIRST_PAGE that were ever handed out. */
export const HIGH_WATER: number = HEADER + 0x184
export const PAGES_USED: number = HEADER + 0x188
export const PAGE_LIMIT: number = HEADER + 0x18c
export const ZONE_LOCK: number = HEADER + 0x190
/** Pages that were freed where the zone lock could not be had: page number, linked by `next`. */
export const DEFERRED: number = HEADER + 0x194
/** Bytes of the fixed tables that may have been written to. */
export const FIXED_USED: number = HEADER + 0x198
/** The per-CPU allocator (percpu.ts). */
export const PERCPU_LOCK: number = HEADER + 0x19c
export const PERCPU_CHUNKS: number = HEADER + 0x1a0
/** Objects of bpf_obj_new that somebody owns (objects.ts). */
export const OBJECTS_LIVE: number = HEADER + 0x1a8
/** What is known of their types, 8 bytes by the types' numbers (objects.ts). */
export const OBJECT_TYPES: number = HEADER + 0x1b0
export const OBJECT_TYPES_KNOWN = 64
export const HEADER_END: number = OBJECT_TYPES + 8 * OBJECT_TYPES_KNOWN

/** The fixed tables: the CPUs' page lists, a cache line a CPU; behind the last one, kmalloc's caches. */
export const CPU_LISTS: number = 2 * PAGE_SIZE
export const CPU_LIST_BYTES = 64
/** Last in a CPU's line: the four words of its random numbers, where compiled code draws them. */
export const CPU_RANDOM = 48

/** Offset of a page's descriptor. */
export function descriptor(page: number): number {
  return TABLE + page * DESCRIPTOR_BYTES
}
