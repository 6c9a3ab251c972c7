/**
 * Where slab caches (slab.ts) keep their state in kernel memory.
 *
 *     cache      node lock | partial slabs: count, first, last | slabs in all | …      64 bytes
 *                CPU 0: free list, transaction | slab | lock                           a cache line each
 *                CPU 1: …
 *     slab       the descriptor of its first page (page-layout.ts): next, prev of the partial list; cache;
 *                free list, counters; objects
 *     object     while free: offset of the next free object, at the cache's `freeOffset`
 *
 * Two double words change by compare-exchange. A CPU's (free list, transaction): the transaction counts up with every
 * change, so that whoever was interrupted between load and exchange notices. A slab's (free list, counters): objects
 * in use and whether the slab is frozen, that is, belongs to a CPU, which alone takes objects from it; everybody frees
 * into it.
 */

// Fields of a slab's page descriptor, behind those of page-layout.ts.
export const SLAB_CACHE = 12
export const SLAB_FREELIST = 16
export const SLAB_COUNTERS = 20
export const SLAB_OBJECTS = 24

/** Bit of the counters; the objects in use are the bits below. */
export const FROZEN: number = 1 << 30

// Fields of a cache.
export const NODE_LOCK = 0
export const PARTIAL_COUNT = 4
export const PARTIAL_HEAD = 8
export const PARTIAL_TAIL = 12
export const SLABS = 16
export const CPU_SLABS = 64

// Fields of a CPU's part of a cache.
export const CPU_FREELIST = 0
export const CPU_SLAB = 8
export const CPU_LOCK = 12
export const CPU_SLAB_BYTES = 64

/** Bytes of a cache on a machine of this many CPUs. */
export function cacheBytes(cpus: number): number {
  return CPU_SLABS + cpus * CPU_SLAB_BYTES
}
