/**
 * How many elements a map without preallocation has, in kernel memory.
 *
 * Maps that are large for the number of CPUs count as Linux's per-CPU counters do: each CPU adds up to 31 in a word of
 * its own before it touches the common one, and the exact sum is only taken near the limit. Others count in one word.
 * Check and count are two steps: insertions that interrupt each other may pass the limit together.
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { COUNT, type HashTable } from './hash-table.ts'

/** PERCPU_COUNTER_BATCH */
const BATCH = 32
/** The CPU's count among its words of control. */
const CPU_COUNT = 4

export class ElementCounter {
  private readonly kernel: Kernel
  private readonly table: HashTable
  private readonly limit: number
  private readonly cpus: number
  private readonly perCpu: boolean

  constructor(kernel: Kernel, table: HashTable, limit: number) {
    this.kernel = kernel
    this.table = table
    this.limit = limit
    this.cpus = kernel.processors.cpus.length
    this.perCpu = Math.floor(limit / 2) > this.cpus * BATCH
  }

  /** Whether the limit is reached. */
  isFull(): boolean {
    const rough = this.common
    if (!this.perCpu || Math.abs(rough - this.limit) > BATCH * this.cpus) return rough >= this.limit
    return this.sum() >= this.limit
  }

  add(delta: 1 | -1): void {
    const { steps, processors } = this.kernel
    const common = this.table.control + COUNT
    if (!this.perCpu) {
      steps.add32(common, delta)
      return
    }
    const own = this.table.cpuWords(processors.current.id) + CPU_COUNT
    const sum = steps.add32(own, delta) + delta
    if (Math.abs(sum) < BATCH) return
    steps.add32(own, -sum)
    steps.add32(common, sum)
  }

  /** The exact number. */
  sum(): number {
    let sum = this.common
    if (!this.perCpu) return sum
    for (let cpu = 0; cpu < this.cpus; cpu++) sum += this.kernel.steps.load32(this.table.cpuWords(cpu) + CPU_COUNT)
    return sum
  }

  private get common(): number {
    return this.kernel.steps.load32(this.table.control + COUNT)
  }
}
