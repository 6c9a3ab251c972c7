/**
 * A simulated CPU: its number, the stack of contexts it is in, and what holds interrupts and the scheduler back.
 *
 *     nmi        may interrupt any of those below; nothing masks it
 *     hardirq    interrupts are off in it until it returns
 *     softirq
 *     task       always at the bottom
 *
 * CPUs are simulated on the calling thread: whoever enters a context leaves it before anything below it goes on. Work
 * for the CPU's interrupt (irq-work.ts) arrives as soon as interrupts are on: at once, at `irqRestore`, or when the
 * interrupting context returns.
 */
import { HarenaError, InternalError } from '../errors/errors.ts'
import { type Events, inContext, NO_EVENTS } from './events.ts'
import type { IrqWork } from './irq-work.ts'
import type { AttachPoints } from './points.ts'
import { makeRandom, type Random, RandomStream } from './random.ts'

/** By rising priority. */
export const CONTEXTS = ['task', 'softirq', 'hardirq', 'nmi'] as const
export type Context = (typeof CONTEXTS)[number]

/** As many as Linux can be built for on x86-64 (NR_CPUS). */
export const MAX_CPUS = 8192

export class Cpu {
  readonly id: number
  /** Random numbers of programs on this CPU. */
  readonly random: Random
  /** Whether the interrupt flag is cleared: softirq and hardirq cannot come in, an NMI can. */
  irqsOff = false
  /** Whoever counts these up counts them down again; above 0 no other task, and so no RT thread, runs here. */
  preemptOff = 0
  migrateOff = 0
  /** Simulated operations of this CPU that are on the JavaScript stack, contexts among them. */
  busy = 0
  /** Programs that were running when the NMI came in. */
  readersAtNmi = 0
  /** The self-interrupt is asserted and waits for the interrupt flag. */
  interruptPending = false
  /** irq_work for the interrupt, for the next tick, and for the thread of an RT machine; the last raised first. */
  readonly raised: IrqWork[] = []
  readonly lazy: IrqWork[] = []
  readonly threaded: IrqWork[] = []
  /** Of the machine that the CPU belongs to. */
  events: Events = NO_EVENTS
  points: AttachPoints | undefined
  private readonly contexts: Context[] = ['task']

  constructor(id: number, random: Random) {
    this.id = id
    this.random = random
  }

  /** The context that runs now. */
  get context(): Context {
    return this.contexts.at(-1)!
  }

  /** Whether `context` could start here now. */
  accepts(context: Context): boolean {
    if (context === 'task') return this.busy === 0
    if (CONTEXTS.indexOf(context) <= CONTEXTS.indexOf(this.context)) return false
    return context === 'nmi' || !this.irqsOff
  }

  /** Whether the scheduler could run another task here now. */
  get preemptible(): boolean {
    return this.contexts.length === 1 && !this.irqsOff && this.preemptOff === 0
  }

  /**
   * Runs `work` in a context that interrupts what this CPU is doing. Only a higher one can. The interrupt flag is as
   * the context has it meanwhile, and comes back as it was.
   */
  interrupt<T>(context: Context, work: () => T, what: string = context): T {
    if (CONTEXTS.indexOf(context) <= CONTEXTS.indexOf(this.context)) {
      throw new InternalError(`${context} interrupts ${this.context} on CPU ${this.id}`)
    }
    const { irqsOff } = this
    this.contexts.push(context)
    this.irqsOff = irqsOff || context === 'hardirq' || context === 'nmi'
    this.busy++
    try {
      return this.events.active ? inContext(this.events, what, work) : work()
    } finally {
      this.busy--
      this.contexts.pop()
      this.irqRestore(irqsOff)
    }
  }

  /** Turns interrupts off; returns what `irqRestore` needs: whether they were off. */
  irqSave(): boolean {
    const { irqsOff } = this
    this.irqsOff = true
    return irqsOff
  }

  /** Sets the interrupt flag as it was; where that turns interrupts on, what waits for them runs before this returns. */
  irqRestore(wereOff: boolean): void {
    this.irqsOff = wereOff
    if (this.interruptPending && !wereOff) this.takeInterrupts()
  }

  /** Runs everything on the raised list, as the self-interrupt's handler does. */
  takeInterrupts(): void {
    while (this.interruptPending && !this.irqsOff) {
      this.interruptPending = false
      this.interrupt('hardirq', () => runList(this, this.raised), 'self-interrupt')
    }
  }
}

/** Runs what is on the list now, on this CPU; what is added meanwhile stays for the next time. */
export function runList(cpu: Cpu, list: IrqWork[]): void {
  const point = cpu.points?.get('irq_work:run')
  for (const work of list.splice(0).reverse()) {
    // Dropped before the handler starts, so that a raise from within leads to one more run.
    work.pending = false
    work.running = true
    work.runs++
    if (cpu.events.active) cpu.events.emit({ kind: 'irq-work-run', work: work.name })
    if (point?.active === true) point.hit(cpu.points!.running, cpu.id, { work: work.name })
    try {
      work.run()
    } finally {
      work.running = false
    }
  }
}

/** `count` CPUs, numbered from 0, each with random numbers of its own. */
export function makeCpus(count: number, seed: bigint): readonly Cpu[] {
  if (!Number.isInteger(count) || count < 1 || count > MAX_CPUS) {
    throw new HarenaError(`a machine has 1 to ${MAX_CPUS} CPUs, not ${count}`)
  }
  return Array.from({ length: count }, (_, id) => new Cpu(id, makeRandom(seed, RandomStream.PROGRAM + BigInt(id))))
}
