/**
 * The per-CPU free list of preallocated elements (pcpu_freelist; Linux 6.18, spec: E).
 *
 *     CPU 0: head, lock │ CPU 1: head, lock │ … │ overflow: head, lock          a cache line each
 *             └─> element ── element ── element                                 linked by their first word
 *
 * An element goes to the list of the CPU that frees it and comes from the list of the CPU that asks; a CPU whose list is
 * empty steals from the next one. Locks are of the kind that finds deadlocks (6.15): where one cannot be had, in any
 * context, the next list is tried. So `pop` may answer "none" though there are elements.
 */
import type { Locks } from '../cpu/locks.ts'
import type { Steps } from '../memory/steps.ts'

// Fields of a list.
export const HEAD = 0
export const LOCK = 4
/** Bytes from one CPU's list to the next. */
export const LINE_BYTES = 64
const NAME = 'the lock of a per-CPU free list'

/** Bytes that a list needs on a machine of this many CPUs. */
export function freelistBytes(cpus: number): number {
  return (cpus + 1) * LINE_BYTES
}

export class PcpuFreelist {
  readonly at: number
  private readonly steps: Steps
  private readonly locks: Locks
  private readonly cpus: number

  /** `at`: `freelistBytes` of kernel memory, zero or a list's already. */
  constructor(steps: Steps, locks: Locks, at: number) {
    this.steps = steps
    this.locks = locks
    this.at = at
    this.cpus = locks.processors.cpus.length
  }

  /**
   * Shares out `count` elements that lie `stride` bytes apart from `first` on: contiguous parts in the order of the CPUs,
   * the first ones one larger. Of each part the highest address comes out first.
   */
  populate(first: number, stride: number, count: number): void {
    let element = first
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const share = Math.floor(count / this.cpus) + (cpu < count % this.cpus ? 1 : 0)
      for (let index = 0; index < share; index++, element += stride) this.link(this.line(cpu), element)
    }
  }

  /** Puts an element on this CPU's list, or on any whose lock can be had. Any context. */
  push(element: number): void {
    const { current } = this.locks.processors
    const irqs = current.irqSave()
    if (!this.pushAnywhere(current.id, element)) {
      // Every lock is held by somebody who is paused below: Linux would go round and round here.
      this.locks.lock(this.line(current.id) + LOCK, NAME)
      this.link(this.line(current.id), element)
      this.locks.unlock(this.line(current.id) + LOCK)
    }
    current.irqRestore(irqs)
  }

  /** An element of this CPU's list, of the next one's that has any, or of the overflow: its offset, or 0. Any context. */
  pop(): number {
    const { current } = this.locks.processors
    const irqs = current.irqSave()
    // Mostly the CPU's own list has one.
    let element = this.popFrom(this.line(current.id))
    // The overflow list is the last line, after all CPUs have been asked.
    for (let turn = 1; turn <= this.cpus && element === 0; turn++) {
      element = this.popFrom(this.line(turn === this.cpus ? this.cpus : (current.id + turn) % this.cpus))
    }
    current.irqRestore(irqs)
    return element
  }

  /** Elements on a CPU's list; of the overflow for the number of CPUs. */
  length(cpu: number): number {
    let length = 0
    for (let at = this.steps.load32(this.line(cpu) + HEAD) >>> 0; at !== 0; at = this.steps.load32(at) >>> 0) length++
    return length
  }

  private pushAnywhere(own: number, element: number): boolean {
    for (let turn = 0; turn <= this.cpus; turn++) {
      const line = this.line(turn === this.cpus ? this.cpus : (own + turn) % this.cpus)
      if (this.locks.resilientLock(line + LOCK, NAME) !== 0) continue
      this.link(line, element)
      this.locks.unlock(line + LOCK)
      return true
    }
    return false
  }

  private popFrom(line: number): number {
    if (this.steps.load32(line + HEAD) === 0 || this.locks.resilientLock(line + LOCK, NAME) !== 0) return 0
    const element = this.steps.load32(line + HEAD) >>> 0
    if (element !== 0) this.steps.store32(line + HEAD, this.steps.load32(element))
    this.locks.unlock(line + LOCK)
    return element
  }

  private link(line: number, element: number): void {
    this.steps.store32(element, this.steps.load32(line + HEAD))
    this.steps.store32(line + HEAD, element)
  }

  private line(cpu: number): number {
    return this.at + cpu * LINE_BYTES
  }
}
