/**
 * Lists of free objects, linked through the objects' first word. A head is a word too; 0 ends a list.
 *
 * The atomic forms may be used by everybody at once; `takeFirst` by one taker at a time (its callers hold a lock).
 */
import { InternalError } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'

/** Adds an object in front; from every context. */
export function push(steps: Steps, head: number, object: number): void {
  for (;;) {
    const first = steps.load32(head)
    steps.store32(object, first)
    if (steps.compareExchange32(head, first, object) === first) return
  }
}

/** Detaches the whole list: its first object, or 0. */
export function takeAll(steps: Steps, head: number): number {
  for (;;) {
    const first = steps.load32(head)
    if (first === 0 || steps.compareExchange32(head, first, 0) === first) return first >>> 0
  }
}

/** Takes the first object, or 0; nobody else may take meanwhile. */
export function takeFirst(steps: Steps, head: number): number {
  for (;;) {
    const first = steps.load32(head)
    if (first === 0) return 0
    const next = steps.load32(first >>> 0)
    if (steps.compareExchange32(head, first, next) === first) return first >>> 0
  }
}

/** The object behind this one. */
export function nextOf(steps: Steps, object: number): number {
  return steps.load32(object) >>> 0
}

/** Objects on a list that nobody changes. */
export function lengthOf(steps: Steps, head: number): number {
  let length = 0
  for (let object = steps.load32(head) >>> 0; object !== 0; object = nextOf(steps, object)) length++
  return length
}

/**
 * Calls `work` for each object of a detached list, which may move it elsewhere. An unchecked program can have bent the
 * list into a ring: no list of `whose` has more than `most` objects.
 */
export function eachOf(steps: Steps, first: number, most: number, whose: string, work: (object: number) => void): void {
  let left = most
  for (let object = first; object !== 0; ) {
    if (left-- === 0) throw endless(whose)
    const next = nextOf(steps, object)
    work(object)
    object = next
  }
}

/** What to throw for a list with more objects than there are. */
export function endless(whose: string): InternalError {
  return new InternalError(`a list of ${whose} does not end`)
}
