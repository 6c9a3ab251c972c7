/** A program as the engines of its machine run it. */
import type { Engine, EngineInput, Runnable } from './engine.ts'
import type { Engines } from './engines.ts'

export class ProgramCode {
  /** What runs it. */
  readonly main: Runnable
  readonly #engine: Engine
  readonly #engines: Engines
  readonly #input: EngineInput
  /** Made for the first run with a hook. */
  #hooked: Runnable | undefined

  constructor(engine: Engine, engines: Engines, input: EngineInput) {
    this.main = engine.prepare(input)
    this.#engine = engine
    this.#engines = engines
    this.#input = input
  }

  /** What runs it with a hook, which is what `what` needs. @throws HarenaError where the user's engine has none */
  withHook(what: string): Runnable {
    if (this.#engine.hooks) return this.main
    const engine = this.#engines.withHooks(what)
    this.#hooked ??= engine.prepare(this.#input)
    return this.#hooked
  }
}
