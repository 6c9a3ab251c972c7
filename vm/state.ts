/**
 * What one run of a program on one CPU works on. Everything a program can reach is in the memories that it names;
 * the rest is bookkeeping of the engine.
 *
 * The stack is one area of kernel memory a CPU, growing down, 512 bytes a frame:
 *
 *     stackTop - 4096                 stackTop - 1024        stackTop - 512         stackTop
 *     | frame 7 | ...                 | frame 1              | frame 0              |
 *                                                            ^ r10 in frame 1       ^ r10 in frame 0
 *
 * What a call saves (where to return to, r6 to r9, the may_goto count of the caller) is not on that stack, where a
 * program could overwrite it, but in `saved`.
 */
import type { ArenaPages } from '../arena/access.ts'
import type { Btf } from '../btf/types.ts'
import { FaultError, type SourcePosition } from '../errors/errors.ts'
import { KERNEL_HIGH, type Memory } from '../memory/memory.ts'
import type { ContextLayout } from '../program/contexts.ts'

/** Bytes of BPF stack a frame (MAX_BPF_STACK). */
export const FRAME_BYTES = 512

/** Frames that may be active at once, the program's own included (MAX_CALL_FRAMES). */
export const MAX_FRAMES = 8

/** Bytes of stack a CPU needs. */
export const STACK_BYTES: number = FRAME_BYTES * MAX_FRAMES

/** Words of `saved` a frame: return address, may_goto count, r6 to r9. */
export const SAVED_WORDS = 10

/** Times a may_goto falls through in one frame before it jumps, in every engine (Linux: BPF_MAX_LOOPS). */
export const MAY_GOTO_LIMIT = 8_388_608

/** The arena of a program, as engines see it. */
export interface ArenaSpace extends ArenaPages {
  /** Upper half of user addresses; 0 when the arena has BPF_F_NO_USER_CONV. */
  readonly userHigh: number
}

/** Which kernel memory an unverified program may touch. */
export interface KernelPages {
  /** True when all of `[offset, offset + bytes)` lies in pages that are handed out. */
  isAllocated(offset: number, bytes: number): boolean
}

/** Looks at accesses of kernel memory, for reports; `state.slot` is the instruction's. */
export interface MemoryCheck {
  check(offset: number, bytes: number, kind: 'read' | 'write'): void
}

/** A packet that LD_ABS and LD_IND read, in kernel memory. */
export interface PacketArea {
  /** Where they count from: the network header. */
  readonly offset: number
  readonly length: number
  /** Bytes of link-layer header in front of it. */
  readonly header: number
}

/** A context of fields (program/contexts.ts), in kernel memory. */
export interface ContextArea {
  readonly offset: number
  readonly layout: ContextLayout
}

/** Called before an instruction runs; `slot` is the instruction's. Registers and frames are in the state. */
export type Hook = (slot: number, state: RunState) => void

/** A helper or kfunc: takes r1 to r5 from `R`, leaves its result in r0. Halves: rN is R[2N] and R[2N + 1]. */
export type Native = (R: Int32Array, state: RunState) => void

/** Ends long runs. */
export interface Watch {
  /** Milliseconds of some clock that moves while the program runs. */
  readonly now: () => number
  /** Point of that clock at which the run is given up; Infinity for never. */
  readonly deadline: number
  /** Is told the time at each look at the clock. */
  readonly progress?: ((now: number) => void) | undefined
}

export interface RunState {
  /** The program's name, for output. */
  readonly program: string
  /** Types of the program, for kfuncs that take their numbers. */
  readonly btf: Btf | undefined
  /** It may wait, outside the sections that it opens. */
  readonly sleepable: boolean
  readonly cpu: number
  readonly kernel: Memory
  readonly pages: KernelPages
  /** Unverified programs, in debug mode: told of each access of kernel memory. */
  readonly check: MemoryCheck | undefined
  readonly arena: ArenaSpace | undefined
  readonly packet: PacketArea | undefined
  /** Unverified programs: accesses to it are those of its table. Undefined where it is plain memory. */
  readonly context: ContextArea | undefined
  readonly stackTop: number
  readonly watch: Watch
  readonly hook: Hook | undefined
  /** An instruction's text, for messages. */
  readonly text: (slot: number) => string
  /** Where an instruction stands in the source; undefined where that is not known. */
  readonly source: (slot: number) => SourcePosition | undefined
  /** Registers and constants of the program that runs; set by the engine, and its own again afterwards. */
  regs: Int32Array
  /** Halves of r0 at the exit. */
  r0Low: number
  r0High: number
  /** What calls save, on an engine whose frames are not the host's own; set by the engine as `regs` is. */
  saved: Int32Array
  /** Slot of the call that a native was called from, or of the access that `check` is told of. */
  slot: number
  /** Frame that runs: 0 for the program's own. */
  depth: number
  /** Taken jumps and calls until the clock is looked at. Natives that take long take some away (see `spend`). */
  fuel: number
  /** What `fuel` is set to: few for long programs, so that a batch is never more than some million instructions. */
  batch: number
  /** What the clock said when it was last looked at. */
  seen: number
}

export interface RunSetup {
  readonly program: string
  readonly btf?: Btf | undefined
  readonly sleepable?: boolean
  readonly cpu: number
  readonly kernel: Memory
  readonly pages: KernelPages
  readonly check?: MemoryCheck | undefined
  readonly arena: ArenaSpace | undefined
  readonly packet?: PacketArea | undefined
  readonly context?: ContextArea | undefined
  readonly stackTop: number
  readonly watch: Watch
  readonly hook?: Hook | undefined
  readonly text: (slot: number) => string
  readonly source?: (slot: number) => SourcePosition | undefined
}

const NO_REGISTERS: Int32Array = new Int32Array(0)

export function makeRunState(setup: RunSetup): RunState {
  return {
    program: setup.program,
    btf: setup.btf,
    sleepable: setup.sleepable ?? false,
    cpu: setup.cpu,
    kernel: setup.kernel,
    pages: setup.pages,
    check: setup.check,
    arena: setup.arena,
    packet: setup.packet,
    context: setup.context,
    stackTop: setup.stackTop,
    watch: setup.watch,
    hook: setup.hook,
    text: setup.text,
    source: setup.source ?? (() => undefined),
    regs: NO_REGISTERS,
    r0Low: 0,
    r0High: 0,
    saved: NO_REGISTERS,
    slot: 0,
    depth: 0,
    fuel: 0,
    batch: 0,
    seen: 0,
  }
}

/** Kernel offset that r10 of frame `depth` names: the end of its 512 bytes. */
export function frameTop(state: RunState, depth: number): number {
  return state.stackTop - depth * FRAME_BYTES
}

/** Low and high half of register `n` (0 to 10) in frame `depth`; of r6 to r10 only when a callee runs above it. */
export function frameRegister(state: RunState, depth: number, n: number): readonly [number, number] {
  if (depth === state.depth) return [state.regs[2 * n]!, state.regs[2 * n + 1]!]
  if (n === 10) return [frameTop(state, depth) | 0, KERNEL_HIGH]
  const at = depth * SAVED_WORDS + 2 + 2 * (n - 6)
  return [state.saved[at]!, state.saved[at + 1]!]
}

/** Looks at the clock; gives the next batch of fuel. */
export function refuel(state: RunState, slot: number): number {
  const { watch } = state
  if (watch.deadline === Infinity && watch.progress === undefined) return state.batch
  const now = watch.now()
  state.seen = now
  watch.progress?.(now)
  if (now >= watch.deadline) {
    throw new FaultError('timeout', `timed out at instruction ${slot}`, {
      instruction: slot,
      text: state.text(slot),
    })
  }
  return state.batch
}

/** Counts a native's work against the time-out: one unit is worth some tens of nanoseconds. */
export function spend(state: RunState, units: number): void {
  state.fuel = Math.max(-1, state.fuel - units)
}
