/**
 * The CPUs of a machine together: which one the calling thread simulates now, deferred work, grace periods, time.
 *
 *     run(cpu, context, what, work)    an operation from its start to its end; from inside another one it is an
 *                                      interrupt of the same CPU, or something that another CPU does meanwhile
 *     advance(ns), settle()            let time pass: ticks, RT threads, grace periods, the work queue
 *
 * Nothing here happens by itself: what is not run by the interrupt flag (cpu.ts) waits for `advance`.
 */
import { HarenaError } from '../errors/errors.ts'
import type { Actor, Running } from './actor.ts'
import { type Context, type Cpu, makeCpus, runList } from './cpu.ts'
import { Events, inContext } from './events.ts'
import type { IrqWork } from './irq-work.ts'
import { AttachPoints } from './points.ts'
import { GracePeriods, type RcuFlavour } from './rcu.ts'

/** Nanoseconds between two timer ticks (HZ=1000), and the shortest grace periods. */
export const TICK_NS = 1_000_000n
export const RCU_NS: bigint = 10n * TICK_NS
export const TASKS_TRACE_NS: bigint = 30n * TICK_NS

/** Somebody who is on the JavaScript stack, for reports. */
export interface TraceEntry {
  readonly cpu: number
  readonly context: Context
  readonly what: string
  /** Where it is a program. */
  readonly running?: Running | undefined
}

export interface ProcessorOptions {
  /** A PREEMPT_RT machine; default false. */
  readonly rt?: boolean
  /** Whether a CPU can interrupt itself; default true. Without, raised irq_work waits for the tick. */
  readonly selfInterrupt?: boolean
}

export class Processors {
  readonly cpus: readonly Cpu[]
  readonly rt: boolean
  readonly selfInterrupt: boolean
  readonly rcu: GracePeriods
  readonly tasksTrace: GracePeriods
  readonly points: AttachPoints = new AttachPoints()
  readonly events: Events = new Events(() => {
    const { id, context } = this.current
    return { time: this.now, cpu: id, context }
  })
  /** The CPU that is simulated now. */
  current: Cpu
  /** Nanoseconds since the machine was made, as `advance` counts them. */
  now = 0n
  /** Everybody on the JavaScript stack, the innermost last. */
  readonly trace: TraceEntry[] = []
  readonly #jobs: (() => void)[] = []

  constructor(cpus: readonly Cpu[] = makeCpus(1, 1n), options: ProcessorOptions = {}) {
    this.cpus = cpus
    this.current = cpus[0]!
    this.rt = options.rt ?? false
    this.selfInterrupt = options.selfInterrupt ?? true
    this.rcu = new GracePeriods('rcu', cpus, RCU_NS, this.events)
    this.tasksTrace = new GracePeriods('tasks-trace', cpus, TASKS_TRACE_NS, this.events)
    for (const cpu of cpus) {
      cpu.events = this.events
      cpu.points = this.points
    }
  }

  /**
   * Runs `work` on a CPU, in a context. An idle CPU takes any; a CPU that is in the middle of something takes only
   * what may interrupt that. `running` where it is a program. @throws HarenaError where it does not
   */
  run<T>(id: number, context: Context, what: string, work: () => T, running?: Running): T {
    const cpu = this.cpus[id]
    if (cpu === undefined) throw new HarenaError(`there is no CPU ${id}: they are 0 to ${this.cpus.length - 1}`)
    if (!cpu.accepts(context)) {
      const state = cpu.irqsOff ? `${cpu.context} context with interrupts off` : `${cpu.context} context`
      throw new HarenaError(`${what} cannot run in ${context} context on CPU ${id}, which is busy in ${state}`)
    }
    const before = this.current
    this.current = cpu
    this.trace.push({ cpu: id, context, what, running })
    if (context === 'nmi') cpu.readersAtNmi = this.#readers(id)
    try {
      return context === 'task' ? this.#task(cpu, what, work) : cpu.interrupt(context, work, what)
    } finally {
      this.trace.pop()
      this.current = before
    }
  }

  /** Whether this CPU is in an NMI and no program has been entered in it. */
  get isForeignNmi(): boolean {
    const { current } = this
    return current.context === 'nmi' && this.#readers(current.id) === current.readersAtNmi
  }

  /** Whether what runs now may wait: a sleepable program, in no section of its own or of anybody else. */
  get maySleep(): boolean {
    const { id, preemptible } = this.current
    return preemptible && this.tasksTrace.nesting(id) > 0 && this.rcu.nesting(id) === 0
  }

  #readers(cpu: number): number {
    return this.rcu.nesting(cpu) + this.tasksTrace.nesting(cpu)
  }

  #task<T>(cpu: Cpu, what: string, work: () => T): T {
    const { events } = this
    cpu.busy++
    try {
      return events.active ? inContext(events, what, work) : work()
    } finally {
      cpu.busy--
    }
  }

  /** Notes that a part of the kernel, or a program, is entered, for reports; `leave` ends it. */
  enter(what: string, running?: Running): void {
    const { current } = this
    this.trace.push({ cpu: current.id, context: current.context, what, running })
  }

  leave(): void {
    this.trace.pop()
  }

  /** Who acts now, for reports. Deferred work counts as done by whoever it interrupts. */
  actor(): Actor {
    const { id: cpu, context } = this.current
    const { what = 'user space', running } = this.trace.at(-1) ?? {}
    if (running === undefined) return { what, cpu, context }
    const { program, slot: instruction } = running
    const source = running.source(instruction)
    return { what, cpu, context, program, instruction, ...(source === undefined ? {} : { source }) }
  }

  /** The grace periods of a flavour. */
  gracePeriods(flavour: RcuFlavour): GracePeriods {
    return flavour === 'rcu' ? this.rcu : this.tasksTrace
  }

  /** Runs `run` after a grace period; `lazy` where it may wait for others. */
  callRcu(flavour: RcuFlavour, run: () => void, lazy = false): void {
    const periods = this.gracePeriods(flavour)
    if (lazy) periods.callLazy(run, this.current.id, this.now)
    else periods.call(run, this.current.id, this.now)
  }

  /** Raises irq_work on this CPU, from any context. False where it waits already. */
  raise(work: IrqWork): boolean {
    if (work.pending) return false
    work.pending = true
    const cpu = this.current
    const list = this.rt && work.kind !== 'hard' ? 'threaded' : work.kind === 'lazy' ? 'lazy' : 'raised'
    cpu[list].push(work)
    if (this.events.active) this.events.emit({ kind: 'irq-work-raised', work: work.name, list })
    if (list === 'raised') {
      if (this.selfInterrupt) {
        cpu.interruptPending = true
        if (!cpu.irqsOff) cpu.takeInterrupts()
      }
    }
    return true
  }

  /** Waits for raised work: runs it now, on its CPU. @throws HarenaError where that CPU is in the middle of something */
  flush(work: IrqWork): void {
    if (!work.pending) return
    for (const { id, raised, lazy, threaded } of this.cpus) {
      for (const list of [raised, lazy, threaded]) {
        const index = list.indexOf(work)
        if (index < 0) continue
        list.splice(index, 1)
        const run = (): void => runList(this.cpus[id]!, [work])
        if (list === threaded) this.#asThread(this.cpus[id]!, 'irq-work thread', run)
        else this.run(id, 'hardirq', work.name, run)
        return
      }
    }
  }

  /** Runs `job` in a task on some CPU, when time passes next. */
  queueJob(job: () => void): void {
    this.#jobs.push(job)
  }

  /** Lets `ns` nanoseconds pass. CPUs that are in the middle of something are looked at as they are. */
  advance(ns: bigint): void {
    if (ns < 0n) throw new HarenaError(`cannot turn the clock back by ${-ns} ns`)
    const end = this.now + ns
    if (ns > 0n) {
      this.#runTasks()
      this.#endGracePeriods()
    }
    while (this.now < end) {
      const tick = (this.now / TICK_NS + 1n) * TICK_NS
      // Where nobody waits for a tick, the time up to the next thing that is due passes at once.
      const next = this.#waitsForTick() ? tick : later(tick, this.#due() ?? end)
      this.now = next < end ? next : end
      if (this.now % TICK_NS === 0n) this.#tick()
      this.#endGracePeriods()
      this.#runTasks()
    }
  }

  /** Lets time pass until nothing is deferred any more, or what is waits for somebody on the stack: nanoseconds. */
  settle(): bigint {
    const start = this.now
    for (let idle = 0; this.isPending && idle < SETTLE_ROUNDS; ) {
      const before = this.#progress()
      this.advance(later(TICK_NS, (this.#due() ?? 0n) - this.now))
      idle = this.#progress() === before ? idle + 1 : 0
    }
    return this.now - start
  }

  /** Whether any work, callback or job is deferred. */
  get isPending(): boolean {
    return (
      this.rcu.pending + this.tasksTrace.pending + this.#jobs.length > 0 ||
      this.cpus.some((cpu) => cpu.raised.length + cpu.lazy.length + cpu.threaded.length > 0)
    )
  }

  #ran = 0

  #progress(): number {
    return this.#ran + this.rcu.completed + this.tasksTrace.completed
  }

  #waitsForTick(): boolean {
    return this.cpus.some((cpu) => cpu.raised.length + cpu.lazy.length > 0 && cpu.accepts('hardirq'))
  }

  #due(): bigint | undefined {
    const [rcu, trace] = [this.rcu.due, this.tasksTrace.due]
    if (rcu === undefined || trace === undefined) return rcu ?? trace
    return earlier(rcu, trace)
  }

  /** The timer interrupt, on each CPU that takes interrupts now. */
  #tick(): void {
    for (const cpu of this.cpus) {
      if (cpu.raised.length + cpu.lazy.length === 0 || !cpu.accepts('hardirq')) continue
      this.#ran++
      this.run(cpu.id, 'hardirq', 'timer interrupt', () => {
        cpu.interruptPending = false
        runList(cpu, cpu.raised)
        runList(cpu, cpu.lazy)
      })
    }
  }

  /** Threads and the work queue: tasks that run where the scheduler could run them. */
  #runTasks(): void {
    for (const cpu of this.cpus) {
      if (cpu.threaded.length === 0 || !cpu.preemptible) continue
      this.#ran++
      this.#asThread(cpu, 'irq-work thread', () => runList(cpu, cpu.threaded))
    }
    if (this.#jobs.length === 0) return
    const cpu = this.cpus.find((candidate) => candidate.preemptible)
    if (cpu === undefined) return
    this.#ran++
    for (const job of this.#jobs.splice(0)) this.#asThread(cpu, 'kernel thread', job)
  }

  #endGracePeriods(): void {
    for (const periods of [this.rcu, this.tasksTrace]) {
      const { completed } = periods
      const callbacks = periods.poll(this.now)
      if (periods.completed === completed) continue
      const point = this.points.get(periods.flavour === 'rcu' ? 'rcu:grace-period' : 'tasks_trace:grace-period')
      if (point.active) point.hit(this.points.running, this.current.id, { callbacks: callbacks.length })
      for (const { run, cpu } of callbacks) this.#runCallback(periods.flavour, run, cpu)
    }
  }

  /** A callback runs on the CPU that asked, or on any other where that one is in the middle of something. */
  #runCallback(flavour: RcuFlavour, run: () => void, asked: number): void {
    const context = flavour === 'rcu' ? 'softirq' : 'task'
    const takes = (cpu: Cpu): boolean => (context === 'task' ? cpu.preemptible : cpu.accepts('softirq'))
    const own = this.cpus[asked]!
    const cpu = takes(own) ? own : this.cpus.find(takes)
    // Every CPU is busy with interrupts off: the thread that runs callbacks gets a CPU in the end.
    if (cpu === undefined) this.queueJob(run)
    else if (context === 'softirq') this.run(cpu.id, 'softirq', 'rcu callback', run)
    else this.#asThread(cpu, 'tasks-trace callback', run)
  }

  /** A task beside the one that may be paused on this CPU. */
  #asThread(cpu: Cpu, what: string, work: () => void): void {
    const before = this.current
    this.current = cpu
    this.trace.push({ cpu: cpu.id, context: 'task', what })
    try {
      this.#task(cpu, what, work)
    } finally {
      this.trace.pop()
      this.current = before
    }
  }
}

/** Rounds without any progress after which `settle` gives up: what is left waits for somebody on the stack. */
const SETTLE_ROUNDS = 3

function earlier(a: bigint, b: bigint): bigint {
  return a > b ? b : a
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
