/**
 * What an engine is: something that turns a program into something that runs. The machine knows engines by this
 * interface alone; the interpreter is one.
 */
import type { Memory } from '../memory/memory.ts'
import type { LoadableProgram, VerifiedProgram } from '../program/loadable.ts'
import type { RunAreas } from './run-areas.ts'
import type { Services } from './services.ts'
import type { ArenaSpace, Native, RunState } from './state.ts'

/** What an engine is told of a program. */
export interface EngineInput {
  readonly program: LoadableProgram
  /** The verifier's facts; undefined for a program that runs unchecked. */
  readonly verified: VerifiedProgram | undefined
  /** Upper half of the user addresses of the program's arena; 0 without one, or with BPF_F_NO_USER_CONV. */
  readonly userHigh: number
  readonly kernel: Memory
  /** The arena that every run of the program sees. */
  readonly arena: ArenaSpace | undefined
  readonly areas: RunAreas
  /** For engines that do by themselves what helpers and kfuncs do; absent where there is no machine. */
  readonly services?: Services
  /** Implementation of the helper with this number. */
  readonly helper: (id: number) => Native | undefined
  /** Implementation of the kfunc with this number of harena's. */
  readonly kfunc: (id: number) => Native | undefined
}

/** A program in another language. */
export interface Translation {
  /** A WebAssembly module. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The same for people, with the program's instructions and source lines as comments. */
  readonly text: string
}

/** A program that is ready to run. */
export interface Runnable {
  /**
   * Runs to the exit; r0 is then in `state.r0Low` and `state.r0High`.
   * @param args halves of r1, r2, … in order, low half first; the other registers start as 0.
   * @throws FaultError when the program faults or runs out of time.
   */
  run(state: RunState, args: readonly number[]): void
  /** What the engine made of the program; absent where that is nothing to show. */
  translation?(): Translation
  /** Does beside other work what the first run would do first; absent where that is nothing worth waiting for. */
  ready?(): Promise<void>
}

/** What of harena's own can run programs. */
export type EngineName = 'interpreter' | 'jit'

export interface Engine {
  readonly name: EngineName
  /** It calls a run's hook: what trace, state checking and injection are made of. */
  readonly hooks: boolean
  /** What the host has not that the engine needs; absent where every host has it. */
  readonly lacks?: () => string | undefined
  prepare(input: EngineInput): Runnable
}
