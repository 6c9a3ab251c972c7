/**
 * A memory group: what maps and caches of one owner may use together. Bytes are charged before they are allocated, in
 * any context, without a lock that somebody could have to wait for.
 *
 *     group     charged: u32 | limit: u32     in units of 8 bytes; limit 0 for none       64 bytes
 *               CPU 0: stock | CPU 1: stock | …                                           a cache line each
 *
 * Charged is what objects use and what the CPUs have in stock: a CPU takes a page at a time from the common word and
 * serves small charges from that, so that CPUs do not meet there all the time. As the stock is charged already, the
 * limit holds whatever is in it; where a charge would fail, all stocks go back first, so that none fails for their sake.
 *
 * Charged are objects, per-CPU areas and whole pages of who has a kernel of the group's (kernel.ts); slabs, chunks of
 * per-CPU memory and what CPUs keep are nobody's.
 */
import type { Processors } from '../cpu/processors.ts'
import { InternalError } from '../errors/errors.ts'
import type { Steps } from '../memory/steps.ts'
import { PAGE_SIZE } from '../program/types.ts'

const UNIT = 8
const LINE = 64
/** What a CPU takes from the common word at once, and the most that it keeps. */
const BATCH: number = PAGE_SIZE / UNIT

/** The largest limit. */
const MOST: number = 2 ** 32 - 1

const CHARGED = 0
const LIMIT = 4

/** Bytes of a group on a machine of this many CPUs. */
export function groupBytes(cpus: number): number {
  return LINE * (1 + cpus)
}

export interface GroupStatistics {
  readonly name: string
  /** In bytes; Infinity for none. */
  readonly limit: number
  /** Bytes charged: those in use, and those in the stocks of the CPUs. */
  readonly charged: number
  readonly used: number
  /** By CPU. */
  readonly stocks: readonly number[]
}

export class MemoryGroup {
  readonly name: string
  readonly at: number
  private readonly steps: Steps
  private readonly processors: Processors

  /** `at`: `groupBytes` of kernel memory, zero or a group's already. */
  constructor(steps: Steps, processors: Processors, at: number, name: string) {
    this.steps = steps
    this.processors = processors
    this.at = at
    this.name = name
  }

  /** Bytes, rounded down to 8 but 8 at least, and to 32 GiB; 0 for none. */
  setLimit(bytes: number): void {
    this.steps.store32(this.at + LIMIT, Math.min(Math.max(Math.floor(bytes / UNIT), bytes > 0 ? 1 : 0), MOST))
  }

  /** In bytes; Infinity for none. */
  get limit(): number {
    return (this.steps.load32(this.at + LIMIT) >>> 0) * UNIT || Infinity
  }

  /** Bytes that can be charged now. */
  get room(): number {
    return this.limit - this.used
  }

  statistics(): GroupStatistics {
    const { name, limit, charged, used } = this
    const stocks = this.processors.cpus.map(({ id }) => this.steps.load32(this.stockOf(id)) * UNIT)
    return { name, limit, charged, used, stocks }
  }

  /** Told of the first charge that the limit refuses, and again once a quarter was free in between. */
  onLimit: (bytes: number) => void = () => undefined
  private atLimit = false

  /** Bytes in use; what lies in stocks is not. */
  get used(): number {
    for (let last = this.read(); ; ) {
      const next = this.read()
      // Somebody may have moved units from one word to another while they were read.
      if (next === last) return next * UNIT
      last = next
    }
  }

  /** Bytes charged to the group, stocks among them: never above the limit. */
  get charged(): number {
    return (this.steps.load32(this.at + CHARGED) >>> 0) * UNIT
  }

  /** Counts bytes, rounded up to 8; false, and nothing counted, where the limit would be passed. */
  charge(bytes: number): boolean {
    const units = Math.ceil(bytes / UNIT)
    const stock = this.stockOf(this.processors.current.id)
    if (this.consume(stock, units)) return true
    if (units < BATCH && this.take(BATCH)) {
      this.putInto(stock, BATCH - units)
      return true
    }
    if (this.take(units)) return true
    this.drain()
    if (this.take(units)) return true
    if (!this.atLimit) {
      this.atLimit = true
      this.onLimit(bytes)
    }
    return false
  }

  /** Takes back a charge of the same bytes, on whatever CPU. */
  uncharge(bytes: number): void {
    const units = Math.ceil(bytes / UNIT)
    if (units > this.steps.load32(this.at + CHARGED) >>> 0) this.tooMuch(bytes)
    const stock = this.putInto(this.stockOf(this.processors.current.id), units)
    if (stock > this.steps.load32(this.at + CHARGED) >>> 0 && this.used < 0) this.tooMuch(bytes)
    if (this.atLimit) this.atLimit = this.used > 0.75 * this.limit
  }

  /** Empties all stocks: what is charged is what is used then. */
  drain(): void {
    const { steps } = this
    for (const { id } of this.processors.cpus) {
      const stock = this.stockOf(id)
      const units = steps.load32(stock)
      // Where somebody else has changed it meanwhile, it is theirs.
      if (units > 0 && steps.compareExchange32(stock, units, 0) === units) steps.add32(this.at + CHARGED, -units)
    }
  }

  private read(): number {
    let units = this.steps.load32(this.at + CHARGED) >>> 0
    for (const { id } of this.processors.cpus) units -= this.steps.load32(this.stockOf(id))
    return units
  }

  /** From a stock; false where it has less. */
  private consume(stock: number, units: number): boolean {
    const { steps } = this
    for (;;) {
      const before = steps.load32(stock)
      if (before < units) return false
      if (steps.compareExchange32(stock, before, before - units) === before) return true
    }
  }

  /** From the limit; false where it has less. The limit is not passed for a moment either. */
  private take(units: number): boolean {
    const { steps } = this
    const limit = steps.load32(this.at + LIMIT) >>> 0
    for (;;) {
      const before = steps.load32(this.at + CHARGED)
      if (limit !== 0 && (before >>> 0) + units > limit) return false
      if (steps.compareExchange32(this.at + CHARGED, before, before + units) === before) return true
    }
  }

  /** Into a stock; of one that grows too large, whole pages go back. What is in it then. */
  private putInto(stock: number, units: number): number {
    const { steps } = this
    for (;;) {
      const before = steps.load32(stock)
      const sum = before + units
      const kept = sum > BATCH ? sum % BATCH : sum
      if (steps.compareExchange32(stock, before, kept) !== before) continue
      if (kept < sum) steps.add32(this.at + CHARGED, kept - sum)
      return kept
    }
  }

  private tooMuch(bytes: number): never {
    throw new InternalError(`group ${this.name} was uncharged ${bytes} bytes more than it has`)
  }

  private stockOf(cpu: number): number {
    return this.at + LINE * (1 + cpu)
  }
}
