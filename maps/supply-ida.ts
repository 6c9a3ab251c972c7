/**
 * percpu_ida: numbers of free elements, a few of them on each CPU (Linux 3.13 to 4.20; spec: K.1).
 *
 *     pool    lock | number | steal cursor | stack of numbers
 *     CPU     lock | number | array of at most 48 numbers, the last one out first
 *
 * A CPU whose array is empty fetches 32 numbers from the stack, or, where that is empty too, all that another CPU has;
 * one whose array is full gives 32 back. Linux also kept a mask of the CPUs that may have some, which saved a look at
 * the others and changes no outcome. The form without locks on the arrays fetches from the stack only, and is good for
 * contexts that do not interrupt each other.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import type { ElementArray } from './element-array.ts'
import type { FreeElements, MakeFreeElements } from './supply-fixed.ts'

const MAX_ON_CPU = 48
const BATCH = 32

// The pool's words, and those of a CPU.
const LOCK = 0
const COUNT = 4
const CURSOR = 8
const POOL_STACK = 16
const CPU_NUMBERS = 8
const CPU_BYTES = 256

export const percpuIda: MakeFreeElements = (kernel, array) => makeIda(kernel, array, true)
export const percpuIdaNoLock: MakeFreeElements = (kernel, array) => makeIda(kernel, array, false)

function makeIda(kernel: Kernel, array: ElementArray, locking: boolean): FreeElements | undefined {
  const cpus = kernel.processors.cpus.length
  const bytes = CPU_BYTES * cpus + POOL_STACK + 4 * array.count
  const at = kernel.pages.allocBytes(bytes, PageOwner.MAP)
  if (at === 0) return undefined
  const ida = new PercpuIda(kernel, at, array.count, locking)
  return {
    take: () => {
      const number = ida.alloc()
      return number < 0 ? 0 : array.base + number * array.size
    },
    give: (element) => ida.free((element - array.base) / array.size),
    destroy: () => kernel.pages.freeBytes(at, bytes),
  }
}

class PercpuIda {
  private readonly kernel: Kernel
  private readonly at: number
  private readonly pool: number
  private readonly locking: boolean
  private readonly cpus: number

  constructor(kernel: Kernel, at: number, count: number, locking: boolean) {
    this.kernel = kernel
    this.at = at
    this.locking = locking
    this.cpus = kernel.processors.cpus.length
    this.pool = at + CPU_BYTES * this.cpus
    const { steps } = kernel
    for (let number = 0; number < count; number++) steps.store32(this.pool + POOL_STACK + 4 * number, number)
    steps.store32(this.pool + COUNT, count)
  }

  /** A number, or -1. */
  alloc(): number {
    return this.withInterruptsOff((own) => {
      let number = this.pop(own)
      if (number >= 0) return number
      this.lock(this.pool + LOCK)
      // An interruption may have brought some.
      if (this.kernel.steps.load32(own + COUNT) === 0) this.refill(own)
      number = this.pop(own)
      this.unlock(this.pool + LOCK)
      return number
    })
  }

  free(number: number): void {
    this.withInterruptsOff((own) => {
      const count = this.push(own, number)
      if (count < MAX_ON_CPU) return 0
      this.lock(this.pool + LOCK)
      this.lockOwn(own)
      this.move(own, CPU_NUMBERS, this.pool, POOL_STACK, BATCH)
      this.unlockOwn(own)
      this.unlock(this.pool + LOCK)
      return 0
    })
  }

  private pop(own: number): number {
    const { steps } = this.kernel
    this.lockOwn(own)
    const count = steps.load32(own + COUNT)
    let number = -1
    if (count > 0) {
      number = steps.load32(own + CPU_NUMBERS + 4 * (count - 1))
      steps.store32(own + COUNT, count - 1)
    }
    this.unlockOwn(own)
    return number
  }

  private push(own: number, number: number): number {
    const { steps } = this.kernel
    this.lockOwn(own)
    const count = steps.load32(own + COUNT)
    steps.store32(own + CPU_NUMBERS + 4 * count, number)
    steps.store32(own + COUNT, count + 1)
    this.unlockOwn(own)
    return count + 1
  }

  /** Under the pool's lock: from the stack, else all numbers of the next CPU that has any. */
  private refill(own: number): void {
    const { steps } = this.kernel
    if (steps.load32(this.pool + COUNT) > 0) {
      this.lockOwn(own)
      this.move(this.pool, POOL_STACK, own, CPU_NUMBERS, BATCH)
      this.unlockOwn(own)
      return
    }
    if (!this.locking) return
    for (let turn = 0; turn < this.cpus; turn++) {
      const victim = (steps.load32(this.pool + CURSOR) + 1) % this.cpus
      steps.store32(this.pool + CURSOR, victim)
      const from = this.at + CPU_BYTES * victim
      if (from === own || steps.load32(from + COUNT) === 0) continue
      this.lock(from + LOCK)
      const found = steps.load32(from + COUNT)
      this.move(from, CPU_NUMBERS, own, CPU_NUMBERS, found)
      this.unlock(from + LOCK)
      if (found > 0) return
    }
  }

  /** Moves up to `wanted` numbers from the end of one stack to the end of another. */
  private move(from: number, fromNumbers: number, to: number, toNumbers: number, wanted: number): void {
    const { steps } = this.kernel
    const left = steps.load32(from + COUNT)
    const had = steps.load32(to + COUNT)
    const count = Math.min(wanted, left)
    for (let index = 0; index < count; index++) {
      const number = steps.load32(from + fromNumbers + 4 * (left - count + index))
      steps.store32(to + toNumbers + 4 * (had + index), number)
    }
    steps.store32(from + COUNT, left - count)
    steps.store32(to + COUNT, had + count)
  }

  private withInterruptsOff(work: (own: number) => number): number {
    const { current } = this.kernel.processors
    const irqs = current.irqSave()
    try {
      return work(this.at + CPU_BYTES * current.id)
    } finally {
      current.irqRestore(irqs)
    }
  }

  private lock(at: number): void {
    this.kernel.locks.lock(at, "percpu_ida's lock")
  }

  private unlock(at: number): void {
    this.kernel.locks.unlock(at)
  }

  private lockOwn(own: number): void {
    if (this.locking) this.lock(own + LOCK)
  }

  private unlockOwn(own: number): void {
    if (this.locking) this.unlock(own + LOCK)
  }
}
