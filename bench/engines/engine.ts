/** What runs workloads. */
import type { Lap } from '../clock.ts'
import type { Workload } from '../workload.ts'

export const ENGINES = ['jit', 'jit-huge', 'linux', 'native', 'native-huge', 'plain', 'interpreter'] as const
export type EngineName = (typeof ENGINES)[number]

export interface Engine {
  readonly name: EngineName
  /** Undefined where the engine has no such work. */
  prepare(workload: Workload, rounds: number): Promise<Prepared> | Prepared | undefined
  close(): void
}

/** A workload of so many rounds, set up. */
export interface Prepared {
  /** Does what comes before, untimed, then the work; so many times over. */
  run(repeat: number): Promise<Timed> | Timed
  /** The low 32 bits of what `check` gives; undefined where there is none. */
  check(): Promise<number | undefined> | number | undefined
  close(): void
}

export interface Timed extends Lap {
  /** All repeats together. */
  readonly ms: number
  /** The answer, its low 32 bits, signed. */
  readonly answer: number
}
