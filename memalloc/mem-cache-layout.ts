/**
 * The control block of one cache of bpf_mem_alloc: one size class on one CPU. Names in brackets are the letters that
 * the literature and the tests use.
 *
 *     in use ──free──> [F] free ──trim──> [T] ──────────> [WT] ──tasks-trace──> slab
 *        ^  │           │  ^              of the target    grace period
 *        └──┼──alloc────┘  └──refill── from [T], [WT], or the slab
 *           └──free_rcu──> [R] ──> [W] ──RCU grace period──> [T]
 *
 *     [X], [XR]     frees that came while an operation was inside F or R ([A] > 0)
 */

/** Bytes of a control block: two cache lines, the first one for alloc and free. */
export const CACHE_BYTES = 128

/** [F]: plain list of objects to hand out, and its length. */
export const FREE = 0
export const COUNT = 4
/** [A]: operations inside the plain lists; only the first may touch them. */
export const ACTIVE = 8
export const LOW = 12
export const HIGH = 16
/** Offset of the cache that gets this one's surplus. */
export const TARGET = 20
/** [X] and [XR]: atomic lists. */
export const EXTRA = 24
export const EXTRA_RCU = 28
/** [R]: plain list, its last object; one RCU callback in flight or not. */
export const BY_RCU = 32
export const BY_RCU_TAIL = 36
export const RCU_FLIGHT = 40
export const BATCH = 44
export const UNIT = 48
export const DRAINING = 52
/** Runs of the worker since the list was last near to running dry, for adaptive watermarks (watermarks.ts). */
export const CALM = 56
/** Objects that a program has asked to be kept (prefill); watermarks that adapt do not go below. */
export const RESERVE = 60

/** [W] and its last object. */
export const WAITING = 64
export const WAITING_TAIL = 68
/** [T] and [WT], atomic lists; one tasks-trace callback in flight or not; who takes from the two holds the lock. */
export const BY_TRACE = 72
export const WAITING_TRACE = 76
export const TRACE_FLIGHT = 80
export const LIST_LOCK = 84
/** Times that the worker refilled and trimmed, and that an allocation found nothing. */
export const REFILLS = 88
export const TRIMS = 92
export const FAILURES = 96
/**
 * For adaptive watermarks (watermarks.ts): the fewest objects in [F] since the worker last ran; how many times as many
 * calm runs are asked for; whether the watermarks moved last by coming down.
 */
export const LOWEST = 100
export const PATIENCE = 104
export const FELL = 108
