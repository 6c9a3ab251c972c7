/**
 * What the walk reports as it goes. The kernel's log text is one rendering of these (log.ts), tools for people are
 * others. States in an event are live: whoever keeps one copies it.
 */
import type { Slot } from '../isa/instruction.ts'
import type { Frame, State } from './state.ts'

/** A set of registers (bit n: register n) and stack slots (of slot numbers, 64 bits as two words) of one frame. */
export interface PlaceSet {
  readonly registers: number
  readonly slotsLow: number
  readonly slotsHigh: number
}

export type WalkEvent =
  /** `from A to B: STATE`: a path is taken up, or a callee has returned. */
  | {
      readonly kind: 'resume'
      readonly from: Slot
      readonly to: Slot
      readonly speculative: boolean
      readonly state: State
    }
  /** `N: STATE` or `; STATE`: what `state.shared.scratch` says was touched, in the current frame. */
  | { readonly kind: 'delta'; readonly slot: Slot; readonly state: State }
  /** `N: (op) text`, after its source line. */
  | { readonly kind: 'instruction'; readonly slot: Slot }
  /** `N: safe`, or `from A to N: safe`. */
  | {
      readonly kind: 'safe'
      readonly slot: Slot
      readonly from: Slot | undefined
      readonly speculative: boolean
    }
  /** A static subprogram is entered: `caller:`, `callee:`. */
  | { readonly kind: 'enter'; readonly state: State; readonly caller: Frame; readonly callee: Frame }
  /** One is left; `to` is where the walk goes on. */
  | {
      readonly kind: 'leave'
      readonly state: State
      readonly caller: Frame
      readonly callee: Frame
      readonly to: Slot
    }
  | {
      readonly kind: 'precise-start'
      readonly frame: number
      readonly last: Slot
      readonly first: Slot
      readonly next: Slot
    }
  | { readonly kind: 'precise-step'; readonly frame: number; readonly places: PlaceSet; readonly slot: Slot }
  | { readonly kind: 'precise-parent'; readonly frame: Frame; readonly places: PlaceSet; readonly state: State }
  | { readonly kind: 'precise-fallback'; readonly frame: number }
  /** A pruned path takes over the precise marks of what it was pruned by. */
  | { readonly kind: 'propagate'; readonly frame: number; readonly places: PlaceSet }
  | { readonly kind: 'propagate-limit' }
  | { readonly kind: 'scc'; readonly what: 'enter' | 'backedge' | 'exit'; readonly chain: readonly number[] }
  /** A mask of stack liveness changed: bits that came and bits that went. */
  | {
      readonly kind: 'stack-liveness'
      readonly chain: readonly number[]
      readonly frame: number
      readonly slot: Slot
      readonly what: 'live' | 'written'
      readonly added: PlaceSet
      readonly removed: PlaceSet
    }
  | { readonly kind: 'stack-liveness-done'; readonly chain: readonly number[]; readonly iterations: number }
  /** Both states in full, before the refusal. */
  | { readonly kind: 'infinite-loop'; readonly slot: Slot; readonly current: State; readonly old: State }
  /** `Validating NAME() func#N...` and `Func#N ('NAME') is safe for any args that match its prototype`. */
  | { readonly kind: 'validating'; readonly name: string; readonly subprogram: number }
  | { readonly kind: 'validated'; readonly name: string; readonly subprogram: number }
  /** Any other line. */
  | { readonly kind: 'text'; readonly text: string }

/** Where events go. The walk makes those of level 2 only when `level & 2`, the others only when `level & 3`. */
export interface LogSink {
  /** Bit mask as BPF_PROG_LOAD has it: 1 failing path, 2 everything, 4 statistics, 8 fixed buffer. */
  readonly level: number
  event(event: WalkEvent): void
  /** How long the text is now; kept with a pending path at level 1. */
  position(): number
  /** Takes back what came behind `position`. */
  cut(position: number): void
}

/** A sink that listens to nothing. */
export const SILENT: LogSink = { level: 0, event: () => undefined, position: () => 0, cut: () => undefined }
