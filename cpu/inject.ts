/**
 * Runs something else before a step of shared state (memory/steps.ts): an interrupt of this CPU, or an operation of
 * another one. The injected work runs to its end; its own steps are not counted and set nothing off, unless `nested`.
 *
 *     const injector = new Injector()
 *     const kernel = makeKernel({ processors, makeSteps: (memory) => hookedSteps(memory, injector.beforeStep) })
 *     injector.at(7, () => processors.run(0, 'nmi', 'probe', () => ...))      // before the 7th step from here on
 */
import type { BeforeStep, StepKind } from '../memory/steps.ts'

/** `step` counts from 1. */
export type Injection = (step: number, kind: StepKind, at: number) => void

export class Injector {
  /** Steps since the last `start`, injected ones not counted. */
  step = 0
  readonly #planned: Map<number, () => void> = new Map()
  #each: Injection | undefined
  #depth = 0
  readonly #nested: number

  /** `nested`: how many injections may stand on one another; default 1. */
  constructor(nested = 1) {
    this.#nested = nested
  }

  /** Counts from here; nothing is planned any more. */
  start(): void {
    this.step = 0
    this.#planned.clear()
    this.#each = undefined
  }

  /** Runs `work` before step `step`. */
  at(step: number, work: () => void): void {
    this.#planned.set(step, work)
  }

  /** Calls `injection` before every step, undefined for none. */
  each(injection: Injection | undefined): void {
    this.#each = injection
  }

  readonly beforeStep: BeforeStep = (kind, at) => {
    if (this.#depth >= this.#nested) return
    if (this.#depth === 0) this.step++
    const { step } = this
    const planned = this.#depth === 0 ? this.#planned.get(step) : undefined
    if (planned === undefined && this.#each === undefined) return
    this.#depth++
    try {
      planned?.()
      this.#each?.(step, kind, at)
    } finally {
      this.#depth--
    }
  }
}
