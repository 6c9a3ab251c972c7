/**
 * Injection: something else runs before a step. Two forms: for the steps of one memory that a test sets up itself
 * (Injector), and for all steps of a machine, of its programs and of its allocators (MachineSteps).
 *
 * An Injector runs something else before a step of shared state (memory/steps.ts): an interrupt of this CPU, or an operation of
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

/** What a machine can be interrupted before: an instruction of a program, or an allocator's step on shared state. */
export type MachineStepKind = 'instruction' | 'memory'

/** The steps of a machine. What is run before one runs to its end, and its own steps are not counted. */
export class MachineSteps {
  /** Whether anybody watches; looked at before a program runs. */
  active = false
  #quiet = false
  readonly #watchers: Set<(kind: MachineStepKind) => void> = new Set()

  /** Calls `watcher` before each step. Returns what takes it away again. */
  watch(watcher: (kind: MachineStepKind) => void): () => void {
    this.#watchers.add(watcher)
    this.active = true
    return () => {
      this.#watchers.delete(watcher)
      this.active = this.#watchers.size > 0
    }
  }

  /** Whether steps count now. */
  get counts(): boolean {
    return this.active && !this.#quiet
  }

  pass(kind: MachineStepKind): void {
    if (!this.counts) return
    this.quietly(() => {
      for (const watcher of this.#watchers) watcher(kind)
    })
  }

  /** For hookedSteps. */
  readonly beforeStep: BeforeStep = () => this.pass('memory')

  /** Does something whose steps are none of the machine's. */
  quietly<T>(work: () => T): T {
    const before = this.#quiet
    this.#quiet = true
    try {
      return work()
    } finally {
      this.#quiet = before
    }
  }
}
