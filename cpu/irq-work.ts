/**
 * irq_work: one deferred call with one slot. Raising it while it waits does nothing more; it runs on the CPU that
 * raised it. Where it waits:
 *
 *     list       runs in    when
 *     raised     hardirq    as soon as interrupts are on (self-interrupt), or at the tick on machines without one
 *     lazy       hardirq    at the next tick
 *     threaded   task       on an RT machine, when the CPU's irq-work thread is scheduled; `hard` work is exempt
 *
 * Safe to raise in every context, an NMI included: each list changes in one step.
 */

export type IrqWorkKind =
  | 'normal'
  /** May wait for the tick. */
  | 'lazy'
  /** In interrupt context on RT too. */
  | 'hard'

export interface IrqWork {
  readonly name: string
  readonly kind: IrqWorkKind
  readonly run: () => void
  /** Waits on some list. */
  pending: boolean
  running: boolean
  /** Times that it ran. */
  runs: number
}

export function makeIrqWork(name: string, run: () => void, kind: IrqWorkKind = 'normal'): IrqWork {
  return { name, kind, run, pending: false, running: false, runs: 0 }
}
