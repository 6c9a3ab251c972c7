/**
 * What the walk of one program works with: the program, what is known of it beforehand, what it finds out, and the
 * counters. Everything that belongs to one path is in State instead.
 */
import type { Instruction, Slot } from '../isa/instruction.ts'
import type { IdMap } from './compare.ts'
import type { LogSink } from './events.ts'
import type { Precision } from './precision.ts'
import type { Prepared } from './prepare.ts'
import type { StateTable } from './prune.ts'
import type { StackLiveness } from './stack-liveness.ts'
import type { HistoryEntry, Shared, State } from './state.ts'
import type { Transfer } from './transfer.ts'

/** A path put aside: the other side of a branch. */
export interface Pending {
  readonly state: State
  /** Where the log stood when it was put aside. */
  readonly logPosition: number
}

/** Called before an instruction is walked; `stored` are the checkpoints, by bucket. */
export type Observer = (slot: Slot, state: State, stored: StateTable) => void

export interface Walk {
  /** What is known of the program before the walk. */
  readonly prepared: Prepared
  readonly insns: readonly Instruction[]
  readonly transfer: Transfer
  readonly sink: LogSink
  readonly shared: Shared
  readonly precision: Precision
  readonly liveness: StackLiveness
  readonly table: StateTable
  readonly ids: IdMap
  readonly observer: Observer | undefined
  /** Told now and then how many instructions were walked. */
  readonly progress?: ((processed: number) => void) | undefined
  readonly strictAlignment: boolean
  readonly testStateFrequency: boolean
  readonly testInvariants: boolean
  /** Numbers of helpers that engines have; undefined for all. */
  readonly implementedHelpers: ReadonlySet<number> | undefined
  /** Names of kfuncs that engines have; undefined for all. */
  readonly implementedKfuncs: ReadonlySet<string> | undefined
  readonly cpus: number

  /** Last pushed, first taken up. */
  readonly pending: Pending[]
  /** History entry of the instruction being walked, once it has one. */
  entry: HistoryEntry | undefined
  /** State of the path being walked: where an error happened. */
  current: State | undefined
  processed: number
  /** Instructions of the jump classes walked. */
  jumps: number

  /** Access, by slot. */
  readonly access: Uint8Array
  /** SlotFlag, by slot. */
  readonly flags: Uint8Array
  /** TYPE of the pointer that an access went through, by slot; 0 for none yet. */
  readonly pointerTypes: Int32Array
  /** Bytes of stack, by subprogram. */
  readonly stackDepths: Int32Array
  maxContext: number
  /** Global functions that a call was walked of, by index: each is verified on its own. */
  readonly calledGlobals: Set<number>
}

/** True at level 1 and 2: instructions and states are shown. */
export function isShown(walk: Walk): boolean {
  return (walk.sink.level & 3) !== 0
}

/** True at level 2. */
export function isDetailed(walk: Walk): boolean {
  return (walk.sink.level & 2) !== 0
}
