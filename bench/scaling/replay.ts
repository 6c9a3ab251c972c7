/**
 * Replays the traces of several CPUs against each other: an event-driven simulation, in which a CPU does one access
 * after the other and every access takes what the cost model says for the state of its line.
 *
 *     line    nobody ──touch──> one CPU's ──load by another──> shared by some ──store──> one CPU's
 *             and the time until which it is on its way: transfers of a line follow one another
 *     lock    free, or a holder and a queue of waiters, who get it in the order in which they came
 *
 * CPUs that wait for a lock leave its line alone (queued locks, Linux 4.2 and later). Caches are large enough for
 * everything, and there is one distance between any two CPUs.
 */
import { InternalError } from '../../errors/errors.ts'
import type { Costs } from './costs.ts'
import { Earliest } from './earliest.ts'
import { Kind, kindOf, PERIOD, PERIODS, type Trace, targetOf } from './trace.ts'

/** What a CPU of the simulation did, on the average of all of them. */
export interface Result {
  /** Million rounds a second, of each CPU. */
  readonly throughput: number
  /** For each round: nanoseconds, and what of them went into lines of other CPUs, and into waiting for locks. */
  readonly roundNs: number
  readonly transferNs: number
  readonly waitNs: number
  /** Accesses, lines that came from another CPU, and locks that were waited for, for each round. */
  readonly accesses: number
  readonly transfers: number
  readonly waits: number
}

const NOBODY = -1
const HALF: number = (PERIODS / 2) * PERIOD

/** Throws InternalError where all CPUs wait for locks: the trace's code takes them in different orders. */
export function replay(trace: Trace, costs: Costs, watch?: Watch): Result {
  return new Replay(trace, costs).run(watch)
}

/** Called behind each event: its start, and the nanoseconds that it took, infinite where the CPU waits for a lock. */
export type Watch = (cpu: number, event: number, start: number, ns: number) => void

/** Sums since the start, for all CPUs. */
interface Sums {
  time: number
  rounds: number
  transferNs: number
  waitNs: number
  accesses: number
  transfers: number
  waits: number
}

class Replay {
  private readonly trace: Trace
  private readonly costs: Costs
  private readonly cpus: number
  private readonly owner: Int8Array
  /** Bit for each CPU that has a copy, where nobody is the owner. */
  private readonly sharers: Uint32Array
  private readonly arrives: Float64Array
  private readonly holder: Int8Array
  private readonly queues: readonly number[][]
  /** When each CPU's next event comes; never for one that waits for a lock. */
  private readonly time: Float64Array
  private readonly earliest: Earliest
  /** When a CPU began to wait. */
  private readonly since: Float64Array
  private readonly position: Int32Array
  private readonly rounds: Int32Array
  /** Where the second half of each CPU's trace begins. */
  private readonly half: Int32Array
  private readonly sums: Sums = { time: 0, rounds: 0, transferNs: 0, waitNs: 0, accesses: 0, transfers: 0, waits: 0 }

  constructor(trace: Trace, costs: Costs) {
    this.trace = trace
    this.costs = costs
    this.cpus = trace.events.length
    this.owner = new Int8Array(trace.lines).fill(NOBODY)
    this.sharers = new Uint32Array(trace.lines)
    this.arrives = new Float64Array(trace.lines)
    this.holder = new Int8Array(trace.locks.length).fill(NOBODY)
    this.queues = trace.locks.map(() => [])
    // Spread over a round.
    this.time = Float64Array.from({ length: this.cpus }, (_, cpu) => (costs.round * cpu) / this.cpus)
    this.earliest = new Earliest(this.time)
    this.since = new Float64Array(this.cpus)
    this.position = new Int32Array(this.cpus)
    this.rounds = new Int32Array(this.cpus)
    this.half = new Int32Array(this.cpus)
  }

  /**
   * From the moment at which the last CPU has done half of its trace to that at which it has done all. A CPU that is
   * done sooner does the second half again: the others are to meet it as before.
   */
  run(watch?: Watch): Result {
    const { trace, position, half } = this
    const reached = new Uint8Array(this.cpus)
    let [warm, done] = [0, 0]
    let before: Sums | undefined
    for (;;) {
      const { cpu } = this.earliest
      if (this.time[cpu] === Number.POSITIVE_INFINITY) throw new InternalError('all CPUs wait for locks')
      const event = trace.events[cpu]![position[cpu]!]!
      position[cpu]!++
      const start = this.time[cpu]!
      this.step(cpu, kindOf(event), targetOf(event))
      watch?.(cpu, event, start, this.time[cpu]! - start)
      this.earliest.update(cpu)
      if (kindOf(event) === Kind.ROUND && reached[cpu] === 0 && this.rounds[cpu] === HALF) {
        reached[cpu] = 1
        half[cpu] = position[cpu]!
        if (++warm === this.cpus) before = { ...this.sums, time: this.time[cpu]! }
      }
      if (position[cpu]! < trace.events[cpu]!.length) continue
      position[cpu] = half[cpu]!
      if (reached[cpu] === 1 && ++done === this.cpus) return this.result(before, this.time[cpu]!)
      reached[cpu] = 2
    }
  }

  private result(before: Sums | undefined, end: number): Result {
    if (before === undefined) throw new InternalError('the replay ended before it was warm')
    const { sums } = this
    const rounds = sums.rounds - before.rounds
    const each = (name: keyof Sums): number => (sums[name] - before[name]) / rounds
    const roundNs = ((end - before.time) * this.cpus) / rounds
    return {
      throughput: 1000 / roundNs,
      roundNs,
      transferNs: each('transferNs'),
      waitNs: each('waitNs'),
      accesses: each('accesses'),
      transfers: each('transfers'),
      waits: each('waits'),
    }
  }

  private step(cpu: number, kind: Kind, target: number): void {
    const { costs, time, sums } = this
    if (kind !== Kind.ROUND) sums.accesses++
    switch (kind) {
      case Kind.LOAD:
        this.load(cpu, target)
        return
      case Kind.STORE:
        this.change(cpu, target, costs.hit)
        return
      case Kind.ATOMIC:
        this.change(cpu, target, costs.atomic)
        return
      case Kind.LOCK:
        this.lock(cpu, target)
        return
      case Kind.UNLOCK:
        this.unlock(cpu, target)
        return
      case Kind.ROUND:
        time[cpu]! += costs.round
        this.rounds[cpu]!++
        sums.rounds++
        return
      default:
        kind satisfies never
    }
  }

  private load(cpu: number, line: number): void {
    const { owner, sharers, costs, time } = this
    if (owner[line] === NOBODY && sharers[line] === 0) owner[line] = cpu
    const has = owner[line] === cpu || (sharers[line]! & (1 << cpu)) !== 0
    if (has) {
      time[cpu]! += costs.hit
      return
    }
    const owned = owner[line]!
    const end = this.transfer(cpu, line, costs.read)
    // Copies of a line that nobody writes come side by side.
    if (owned !== NOBODY) this.arrives[line] = end
    sharers[line]! |= (1 << cpu) | (owned === NOBODY ? 0 : 1 << owned)
    owner[line] = NOBODY
  }

  private change(cpu: number, line: number, cost: number): void {
    const { owner, sharers, time } = this
    const isNew = owner[line] === NOBODY && sharers[line] === 0
    if (!isNew && owner[line] !== cpu) this.transfer(cpu, line, this.costs.own)
    time[cpu]! += cost
    this.give(cpu, line)
  }

  /** The line is this CPU's alone, from now on. */
  private give(cpu: number, line: number): void {
    this.owner[line] = cpu
    this.sharers[line] = 0
    this.arrives[line] = this.time[cpu]!
  }

  /** A line comes from elsewhere, as soon as it is free to come. Returns when it is here. */
  private transfer(cpu: number, line: number, cost: number): number {
    const { time, sums } = this
    const start = time[cpu]!
    const end = Math.max(start, this.arrives[line]!) + cost
    time[cpu] = end
    sums.transfers++
    sums.transferNs += end - start
    return end
  }

  private lock(cpu: number, lock: number): void {
    if (this.holder[lock] === NOBODY) {
      this.holder[lock] = cpu
      this.change(cpu, this.trace.locks[lock]!, this.costs.atomic)
      return
    }
    this.queues[lock]!.push(cpu)
    this.since[cpu] = this.time[cpu]!
    this.time[cpu] = Number.POSITIVE_INFINITY
  }

  private unlock(cpu: number, lock: number): void {
    const { costs, time, sums } = this
    const line = this.trace.locks[lock]!
    this.change(cpu, line, costs.hit)
    const next = this.queues[lock]!.shift()
    this.holder[lock] = next ?? NOBODY
    if (next === undefined) return
    time[next] = time[cpu]! + costs.handoff
    sums.waits++
    sums.waitNs += time[next]! - this.since[next]!
    this.give(next, line)
    this.earliest.update(next)
  }
}
