/**
 * How many elements a map without preallocation has, in kernel memory.
 *
 * A supply may know by itself: the bpf_mem_alloc that a map has for itself counts what is in use (Linux counts besides).
 * Else all is as on Linux: maps that are large for the number of CPUs count as Linux's per-CPU counters do: each CPU
 * adds up to 31 in a word of its own before it touches the common one, and the exact sum is only taken near the limit.
 * Others count in one word, and so do maps whose supply is older than per-CPU counts.
 * A sum over CPUs is of no one moment, so two that work on a map near its limit may mislead a third.
 * Check and count are two steps: insertions that interrupt each other may pass the limit together.
 */
import type { Processors } from '../cpu/processors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { Steps } from '../memory/steps.ts'
import type { ElementSupply } from './elements.ts'
import { COUNT, type HashTable } from './hash-table.ts'
import type { CounterLayout } from './layout.ts'

/** PERCPU_COUNTER_BATCH */
export const BATCH = 32
/** The CPU's count among its words of control. */
export const CPU_COUNT = 4

export interface ElementCounter {
  /** Whether the limit is reached. */
  isFull(): boolean
  add(delta: 1 | -1): void
  /** For compiled code. */
  readonly layout: CounterLayout
}

export function makeCounter(kernel: Kernel, table: HashTable, supply: ElementSupply, limit: number): ElementCounter {
  const { hasInUse, oneCounter = false } = supply
  if (hasInUse === undefined) return new WordCounter(kernel, table, limit, oneCounter)
  return { isFull: () => hasInUse(limit), add: () => undefined, layout: { kind: 'class', limit } }
}

class WordCounter implements ElementCounter {
  private readonly steps: Steps
  private readonly processors: Processors
  private readonly table: HashTable
  /** The common word. */
  private readonly at: number
  private readonly limit: number
  private readonly perCpu: boolean
  /** What the CPUs' own words may add up to. */
  private readonly slack: number

  constructor(kernel: Kernel, table: HashTable, limit: number, oneCounter: boolean) {
    this.steps = kernel.steps
    this.processors = kernel.processors
    this.table = table
    this.at = table.control + COUNT
    this.limit = limit
    this.slack = kernel.processors.cpus.length * BATCH
    this.perCpu = !oneCounter && Math.floor(limit / 2) > this.slack
  }

  get layout(): CounterLayout {
    const { at, limit, perCpu } = this
    return { kind: 'words', at, limit, perCpu }
  }

  isFull(): boolean {
    const rough = this.common
    if (!this.perCpu || Math.abs(rough - this.limit) > this.slack) return rough >= this.limit
    return this.sum() >= this.limit
  }

  add(delta: 1 | -1): void {
    const { steps } = this
    if (!this.perCpu) {
      steps.add32(this.at, delta)
      return
    }
    const own = this.table.cpuWords(this.processors.current.id) + CPU_COUNT
    const sum = steps.add32(own, delta) + delta
    if (Math.abs(sum) < BATCH) return
    steps.add32(own, -sum)
    steps.add32(this.at, sum)
  }

  /** The exact number. */
  sum(): number {
    let sum = this.common
    if (!this.perCpu) return sum
    for (const { id } of this.processors.cpus) sum += this.steps.load32(this.table.cpuWords(id) + CPU_COUNT)
    return sum
  }

  private get common(): number {
    return this.steps.load32(this.at)
  }
}
