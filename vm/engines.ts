/** Which engine a machine's programs run on, and which one does what that one cannot. */
import { HarenaError } from '../errors/errors.ts'
import type { Engine } from './engine.ts'

export class Engines {
  /** What runs programs. */
  readonly main: Engine
  readonly #all: readonly Engine[]
  readonly #asked: string | undefined
  readonly #warn: (line: string) => void
  readonly #told: Set<string> = new Set()

  /**
   * @param all the first that the host can run is the default
   * @param asked name of the engine that the user wants, and no other
   * @throws HarenaError where that one is not there, or the host cannot run it
   */
  constructor(all: readonly Engine[], asked: string | undefined, warn: (line: string) => void) {
    this.#all = all
    this.#asked = asked
    this.#warn = warn
    this.main = asked === undefined ? this.#byDefault() : this.#named(asked)
  }

  /** The engine for `what`, which works by hooks. @throws HarenaError where the user wants one that has none */
  withHooks(what: string): Engine {
    if (this.main.hooks) return this.main
    const other = this.#all.find(({ hooks }) => hooks)
    if (this.#asked !== undefined || other === undefined) {
      const hint = other === undefined ? '' : `, but on ${other.name}`
      throw new HarenaError(`${what} does not work on engine ${this.main.name}${hint}`)
    }
    this.#tell(`${what} runs on the ${other.name}`)
    return other
  }

  #byDefault(): Engine {
    for (const engine of this.#all) {
      const lack = engine.lacks?.()
      if (lack === undefined) return engine
      const next = this.#all.find((candidate) => candidate.lacks === undefined)
      if (next === undefined) break
      this.#tell(`${engine.name}: ${lack}; programs run on the ${next.name}`)
    }
    throw new HarenaError('no engine runs on this host')
  }

  #named(name: string): Engine {
    const engine = this.#all.find((candidate) => candidate.name === name)
    if (engine === undefined) throw new HarenaError(`harena does not implement engine ${name}`)
    const lack = engine.lacks?.()
    if (lack !== undefined) throw new HarenaError(`engine ${name}: ${lack}`)
    return engine
  }

  /** Once a machine. */
  #tell(line: string): void {
    if (this.#told.has(line)) return
    this.#told.add(line)
    this.#warn(line)
  }
}

/** Where lines go that nobody else takes: standard error, in Node. */
export function warnOnConsole(line: string): void {
  console.warn(`harena: ${line}`)
}
