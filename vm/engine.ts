/**
 * What an engine is: something that turns a program into something that runs. The machine knows engines by this
 * interface alone; the interpreter is one.
 */
import type { Memory } from '../memory/memory.ts'
import type { LoadableProgram, VerifiedProgram } from '../program/loadable.ts'
import type { RunAreas } from './run-areas.ts'
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
  /** Implementation of the helper with this number. */
  readonly helper: (id: number) => Native | undefined
  /** Implementation of the kfunc with this number of harena's. */
  readonly kfunc: (id: number) => Native | undefined
}

/** A program that is ready to run. */
export interface Runnable {
  /**
   * Runs to the exit; r0 is then the first two words of `state.regs`.
   * @param args halves of r1, r2, … in order, low half first; the other registers start as 0.
   * @throws FaultError when the program faults or runs out of time.
   */
  run(state: RunState, args: readonly number[]): void
}

export interface Engine {
  readonly name: 'interpreter' | 'jit' | 'linux'
  prepare(input: EngineInput): Runnable
}
