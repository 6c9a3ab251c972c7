/**
 * What an arena asks of the structure that knows its free pages: where to place an allocation is a policy.
 *
 * Pages are numbered from the start of the user window; numbers from 2^20 on occur (a free that begins below the
 * window, see Arena.freePages). Error numbers are negative, as in the kernel.
 */

/** `best-fit`: Linux 6.13 and later. `first-fit`: the lowest address, Linux 6.9 to 6.12. */
export type Placement = 'best-fit' | 'first-fit'

export interface FreeRanges {
  /**
   * Start of `count` free pages as the policy picks them, -1 when there are none. Changes nothing. `window`: pages of
   * the user window, which bounds first fit only.
   */
  find(count: number, window: number): number
  /** Are these pages all free? */
  covered(start: number, count: number): boolean
  /** Makes the pages allocated, whether or not they were. 0 or -ENOMEM. */
  clear(start: number, count: number): number
  /** Makes the pages free, whether or not they were. 0 or -ENOMEM. */
  set(start: number, count: number): number
  /** Takes a page for a user's page fault. 0, -ENOMEM, or -EEXIST where the policy minds that it was not free. */
  take(page: number): number
  /** The free ranges by position, as [first, last]. */
  ranges(): IterableIterator<readonly [number, number]>
  /** Throws InternalError where an invariant does not hold. */
  check(): void
  /** Gives back the memory behind it. */
  destroy(): void
}
