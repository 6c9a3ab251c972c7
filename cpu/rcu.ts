/**
 * Grace periods. Two flavours: `rcu` waits for every program and every region with interrupts or preemption off,
 * `tasks-trace` for sleepable programs.
 *
 *     call ──> next ──────────> current ──────────────────────────────> callbacks run
 *              (no grace        a grace period has started: it ends when each CPU that was in a reader at its start
 *              period yet)      has left it once, and not before its shortest time has passed
 *
 * Nothing ends by itself: time passes only by `advance`, which looks whether the running grace period may end. A
 * callback waits for a whole grace period that began after the call.
 */
import type { Cpu } from './cpu.ts'
import { type Events, NO_EVENTS } from './events.ts'

export type RcuFlavour = 'rcu' | 'tasks-trace'

interface Callback {
  readonly run: () => void
  readonly cpu: number
}

export class GracePeriods {
  readonly flavour: RcuFlavour
  /** Grace periods that have ended. */
  completed = 0
  /** Callbacks that were run. */
  invoked = 0
  /** Nanoseconds that a grace period takes at least. */
  readonly shortest: bigint
  readonly #cpus: readonly Cpu[]
  readonly #events: Events
  /** Readers nested on each CPU, and how often the outermost one was left. */
  readonly #nesting: Int32Array
  readonly #left: Int32Array
  #next: Callback[] = []
  #current: Callback[] = []
  #lazy: Callback[] = []
  #lazyUntil = 0n
  /** CPUs that the running grace period waits for, with their `left` at its start; undefined when none runs. */
  #waiting: Map<number, number> | undefined
  #earliest = 0n
  /** The time is up, and somebody on the stack is in a reader. */
  #blocked = false

  constructor(flavour: RcuFlavour, cpus: readonly Cpu[], shortest: bigint, events: Events = NO_EVENTS) {
    this.flavour = flavour
    this.shortest = shortest
    this.#cpus = cpus
    this.#events = events
    this.#nesting = new Int32Array(cpus.length)
    this.#left = new Int32Array(cpus.length)
  }

  enter(cpu: number): void {
    this.#nesting[cpu]!++
  }

  /** Leaving the outermost reader is a quiescent state of the CPU. */
  leave(cpu: number): void {
    this.#nesting[cpu]!--
    if (this.#nesting[cpu] === 0) this.#left[cpu]!++
  }

  /** Readers nested on a CPU. */
  nesting(cpu: number): number {
    return this.#nesting[cpu]!
  }

  /** Runs `run` after a grace period that begins at or after `now`; in softirq (rcu) or a task, on CPU `cpu`. */
  call(run: () => void, cpu: number, now: bigint): void {
    this.#next.push({ run, cpu })
    if (this.#waiting === undefined) this.#start(now)
  }

  /** As `call`, where nobody is in a hurry: up to `LAZY_NS` pass before a grace period is started for it alone. */
  callLazy(run: () => void, cpu: number, now: bigint): void {
    if (this.#lazy.length === 0) this.#lazyUntil = now + LAZY_NS
    this.#lazy.push({ run, cpu })
  }

  /** Callbacks that have not run yet. */
  get pending(): number {
    return this.#next.length + this.#current.length + this.#lazy.length
  }

  /** The first time at which looking again may help, undefined where nothing waits. */
  get due(): bigint | undefined {
    if (this.#waiting !== undefined) return this.#blocked ? undefined : this.#earliest
    return this.#lazy.length > 0 ? this.#lazyUntil : undefined
  }

  /** Ends the running grace period where it may end: the callbacks that are to run now. */
  poll(now: bigint): readonly Callback[] {
    if (this.#lazy.length > 0 && now >= this.#lazyUntil) {
      this.#next.push(...this.#lazy.splice(0))
      if (this.#waiting === undefined) this.#start(now)
    }
    if (this.#waiting === undefined) return []
    for (const [cpu, left] of this.#waiting) {
      if (this.#left[cpu] !== left || this.#isQuiescent(cpu)) this.#waiting.delete(cpu)
    }
    this.#blocked = this.#waiting.size > 0 && now >= this.#earliest
    if (this.#waiting.size > 0 || now < this.#earliest) return []
    const done = this.#current
    this.#current = []
    this.#waiting = undefined
    this.completed++
    this.invoked += done.length
    const callbacks = done.length
    if (this.#events.active) this.#events.emit({ kind: 'grace-period-end', flavour: this.flavour, callbacks })
    if (this.#next.length > 0) this.#start(now)
    return done
  }

  #start(now: bigint): void {
    this.#current = [...this.#next.splice(0), ...this.#lazy.splice(0)]
    this.#earliest = now + this.shortest
    if (this.#events.active) this.#events.emit({ kind: 'grace-period-start', flavour: this.flavour })
    this.#waiting = new Map()
    for (const { id } of this.#cpus) if (!this.#isQuiescent(id)) this.#waiting.set(id, this.#left[id]!)
  }

  #isQuiescent(id: number): boolean {
    if (this.#nesting[id]! > 0) return false
    const cpu = this.#cpus[id]!
    return this.flavour === 'tasks-trace' || (!cpu.irqsOff && cpu.preemptOff === 0 && cpu.context === 'task')
  }
}

/** How long a lazy callback may wait for company (Linux 6.2 and later: ten seconds). */
export const LAZY_NS = 10_000_000_000n
