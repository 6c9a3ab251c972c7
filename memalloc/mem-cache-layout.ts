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
import type { Steps } from '../memory/steps.ts'

/** Bytes of a control block: two cache lines, the first one for alloc and free. */
export const CACHE_BYTES = 128

/**
 * The length of [F], less INSIDE for each operation inside the plain lists ([A]); only the first may touch them. So one
 * look tells compiled code that it may go on: a list with somebody inside is below every low watermark, and, as an
 * unsigned number, above every high one.
 */
export const COUNT = 0
/** No list has so many objects: they would not fit into kernel memory. */
const INSIDE_SHIFT = 28
export const INSIDE: number = 1 << INSIDE_SHIFT
/**
 * Of an exclusive instance: objects that came to [F] otherwise than by a free, less those that went otherwise than by an
 * alloc. Less COUNT it is what is in use; the two lie in one double word, which is read and changed as one.
 */
export const STOCK = 4
/** [F]: plain list of objects to hand out. */
export const FREE = 8
export const LOW = 12
export const HIGH = 16
/** Offset of the cache that gets this one's surplus: what the object freed last came from (mem-cache.ts). */
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
/** In CPU 0's block, of an exclusive instance: the STOCKs of all CPUs add up to no more. */
export const BOUND = 112

/** Objects in [F], from anywhere. */
export function countOf(steps: Steps, at: number): number {
  return steps.load32(at + COUNT) & (INSIDE - 1)
}

/** Operations inside the plain lists, of a word at COUNT. */
export function insideOf(word: number): number {
  return 0 - (word >> INSIDE_SHIFT)
}

/** Begins an operation on the plain lists; whether it is the first, and may touch them. */
export function enter(steps: Steps, at: number): boolean {
  return steps.add32(at + COUNT, -INSIDE) >= 0
}

export function leave(steps: Steps, at: number): void {
  steps.add32(at + COUNT, INSIDE)
}

/** Puts `by` objects more on [F], or takes them off, which changes nothing of what is in use. */
export function moveStock(steps: Steps, at: number, by: 1 | -1): void {
  for (;;) {
    const count = steps.load64(at + COUNT)
    const stock = steps.high
    if (steps.compareExchange64(at + COUNT, count, stock, (count + by) | 0, (stock + by) | 0)) return
  }
}

/** Objects in use that this CPU has handed out, less those that it has taken back: of an exclusive instance. */
export function inUse(steps: Steps, at: number): number {
  const count = steps.load64(at + COUNT) & (INSIDE - 1)
  return steps.high - count
}
