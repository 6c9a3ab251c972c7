/** How an allocation may go about it. */

export type Gfp =
  /** May sleep: task context with interrupts on. */
  | 'kernel'
  /** May spin, not sleep: everywhere but in an NMI. */
  | 'atomic'
  /** In any context: every lock is tried once (kmalloc_nolock, alloc_pages_nolock). */
  | 'nolock'

/** What an allocator answers, other than an offset. */
export const NO_MEMORY = 0
/** A lock was busy: the any-context forms may try elsewhere. Not an offset. */
export const BUSY = -1
