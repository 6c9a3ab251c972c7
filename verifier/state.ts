/**
 * What is known at one point of the program: call frames with registers and stack, and what the program holds.
 *
 *     State -- frames[0..n] --+-- words: | r0 | ... | r10 | operand | slot 0 | slot 1 | ...   REG_WORDS words each
 *           -- references     +-- kinds: 8 bytes a slot, what each byte of the stack holds
 *           -- history --> entry --> older entry --> ...     down to the last checkpoint
 *           -- parent  --> checkpoint --> its parent --> ... up to the start
 *
 * Slot i holds the bytes fp-8i-8 to fp-8i-1. `kinds[8 * i + k]` is the byte at fp-8i-1-k, so the last kind of a slot
 * is its lowest address; a saved register lies in the slot's words. A frame is copied by one `set` of its words.
 */
import type { Slot } from '../isa/instruction.ts'
import type { MapInfo } from '../program/loadable.ts'
import { PRECISE, REG_WORDS } from './layout.ts'
import { ReferenceList } from './reference-list.ts'

/** Registers of a frame: r0 to r10. */
export const REGISTERS = 11
/** A register behind them, in which instructions keep an immediate operand while they run. */
export const OPERAND = 11
/** Where the words of stack slot 0 begin. */
export const SLOT_BASE: number = (OPERAND + 1) * REG_WORDS
/** Most slots a frame can have: 512 bytes. */
export const MAX_SLOTS = 64
/** Bytes in a slot. */
export const SLOT_SIZE = 8

/** What a byte of the stack holds. */
export const SlotKind = {
  /** Never written. */
  INVALID: 0,
  /** Part of a saved register. */
  SPILL: 1,
  /** Some scalar. */
  MISC: 2,
  ZERO: 3,
  DYNPTR: 4,
  ITER: 5,
  IRQ_FLAG: 6,
} as const
export type SlotKind = (typeof SlotKind)[keyof typeof SlotKind]

export interface Frame {
  /** Registers, then saved registers of the stack's slots; longer than needed at times. */
  words: Int32Array
  /** SlotKind of each byte of the stack; same capacity as `words`. */
  kinds: Uint8Array
  /** Slots in use: the frame's stack is 8 * slots bytes. */
  slots: number
  /** Slot of the call in the caller; -1 for an entry frame. */
  callSite: Slot
  /** Index in State.frames. */
  number: number
  subprogram: number
  /** Runs as a synchronous callback (` cb` in the log). */
  inCallback: boolean
  /** Runs as an asynchronous callback (` async_cb`). */
  inAsyncCallback: boolean
  inExceptionCallback: boolean
  /** Iterations of a callback that this frame's current call has been walked for. */
  callbackDepth: number
  /** Tells entries of an asynchronous callback apart. */
  asyncEntry: number
  /** Number of its call chain (stack-liveness.ts), -1 while none is given. */
  chain: number
}

/** A place that can hold a scalar: `spill` false for register `index`, true for stack slot `index`. */
export interface Place {
  readonly frame: number
  readonly spill: boolean
  readonly index: number
}

/** One remembered step of a path. Steps between two entries are straight-line. */
export interface HistoryEntry {
  readonly slot: Slot
  readonly previous: Slot
  /** Stack slot that the instruction saved a register in, or filled one from; -1 for none. */
  spillSlot: number
  spillFrame: number
  /** The jump compared a stack pointer: bit 0 in dst, bit 1 in src. */
  stackOperands: number
  /** Scalars that a jump refined together. */
  linked: readonly Place[] | undefined
  readonly older: HistoryEntry | undefined
}

/** Registers and slots that the current instruction touched: what the log shows of it. */
export interface Scratch {
  /** Bit n: register n. */
  registers: number
  /** Bit n: slot n; n from 0 to 31. */
  slotsLow: number
  /** Bit n: slot 32 + n. */
  slotsHigh: number
}

/** One a verification, shared by all its states. */
export interface Shared {
  /** Last id given out: of linked scalars, lookups, references, packets. */
  lastId: number
  readonly scratch: Scratch
}

export interface State {
  readonly shared: Shared
  /** The last one is the current one. */
  frames: Frame[]
  references: ReferenceList
  activeLocks: number
  activeLockId: number
  activeLockOwner: MapInfo | number | undefined
  activeIrqId: number
  activePreemptLocks: number
  activeRcuLock: boolean
  inSleepable: boolean
  speculative: boolean

  /** Instruction it stands before. */
  slot: Slot
  /** Instruction it came from; -1 at an entry. */
  previous: Slot
  /** First instruction since the last checkpoint. */
  firstSlot: Slot
  history: HistoryEntry | undefined
  historyLength: number
  parent: Checkpoint | undefined
  /** Checkpoints above it. */
  dfsDepth: number
  callbackUnrollDepth: number
  mayGotoDepth: number
}

/** A stored state, which later ones are compared with. */
export interface Checkpoint extends State {
  /** Paths below it that are not finished. */
  branches: number
  hits: number
  misses: number
  evicted: boolean
  /** Dead registers and slots have been wiped. */
  cleaned: boolean
}

export function makeShared(): Shared {
  return { lastId: 0, scratch: { registers: 0, slotsLow: 0, slotsHigh: 0 } }
}

/** A fresh id, from 1. */
export function newId(state: State): number {
  state.shared.lastId += 1
  return state.shared.lastId
}

/** Index of register `n` in a frame's words. */
export function registerAt(n: number): number {
  return n * REG_WORDS
}

/** Index of the register saved in stack slot `n` in a frame's words. */
export function slotAt(n: number): number {
  return SLOT_BASE + n * REG_WORDS
}

/** A frame with every register unset and no stack. */
export function makeFrame(number: number, callSite: Slot, subprogram: number): Frame {
  return {
    words: new Int32Array(SLOT_BASE),
    kinds: new Uint8Array(0),
    slots: 0,
    callSite,
    number,
    subprogram,
    inCallback: false,
    inAsyncCallback: false,
    inExceptionCallback: false,
    callbackDepth: 0,
    asyncEntry: 0,
    chain: -1,
  }
}

/** A state before `slot` with one frame. */
export function makeState(shared: Shared, slot: Slot, subprogram: number, inSleepable: boolean): State {
  return {
    shared,
    frames: [makeFrame(0, -1, subprogram)],
    references: ReferenceList.EMPTY,
    activeLocks: 0,
    activeLockId: 0,
    activeLockOwner: undefined,
    activeIrqId: 0,
    activePreemptLocks: 0,
    activeRcuLock: false,
    inSleepable,
    speculative: false,
    slot,
    previous: -1,
    firstSlot: slot,
    history: undefined,
    historyLength: 0,
    parent: undefined,
    dfsDepth: 0,
    callbackUnrollDepth: 0,
    mayGotoDepth: 0,
  }
}

export function copyFrame(frame: Frame): Frame {
  const { slots } = frame
  return {
    words: frame.words.slice(0, SLOT_BASE + slots * REG_WORDS),
    kinds: frame.kinds.slice(0, slots * SLOT_SIZE),
    slots,
    callSite: frame.callSite,
    number: frame.number,
    subprogram: frame.subprogram,
    inCallback: frame.inCallback,
    inAsyncCallback: frame.inAsyncCallback,
    inExceptionCallback: frame.inExceptionCallback,
    callbackDepth: frame.callbackDepth,
    asyncEntry: frame.asyncEntry,
    chain: frame.chain,
  }
}

/** A state that changes independently; the history is shared, as its entries stand still. */
export function copyState(state: State): State {
  return {
    shared: state.shared,
    frames: state.frames.map(copyFrame),
    references: state.references,
    activeLocks: state.activeLocks,
    activeLockId: state.activeLockId,
    activeLockOwner: state.activeLockOwner,
    activeIrqId: state.activeIrqId,
    activePreemptLocks: state.activePreemptLocks,
    activeRcuLock: state.activeRcuLock,
    inSleepable: state.inSleepable,
    speculative: state.speculative,
    slot: state.slot,
    previous: state.previous,
    firstSlot: state.firstSlot,
    history: state.history,
    historyLength: state.historyLength,
    parent: state.parent,
    dfsDepth: state.dfsDepth,
    callbackUnrollDepth: state.callbackUnrollDepth,
    mayGotoDepth: state.mayGotoDepth,
  }
}

/** A copy of `state` to be stored; its parent and history stay those of `state`. */
export function makeCheckpoint(state: State): Checkpoint {
  return {
    ...copyState(state),
    branches: 1,
    hits: 0,
    misses: 0,
    evicted: false,
    cleaned: false,
  }
}

export function currentFrame(state: State): Frame {
  return state.frames[state.frames.length - 1]!
}

/** Makes room for `slots` stack slots; never shrinks. */
export function growStack(frame: Frame, slots: number): void {
  if (slots <= frame.slots) return
  const need = SLOT_BASE + slots * REG_WORDS
  if (frame.words.length < need) {
    const capacity = Math.min(MAX_SLOTS, Math.max(slots, frame.slots * 2, 4))
    const words = new Int32Array(SLOT_BASE + capacity * REG_WORDS)
    words.set(frame.words)
    frame.words = words
    const kinds = new Uint8Array(capacity * SLOT_SIZE)
    kinds.set(frame.kinds)
    frame.kinds = kinds
  }
  frame.slots = slots
}

/** Copies one register's words; `from` and `to` are word indices. */
export function copyRegister(to: Int32Array, at: number, from: Int32Array, fromAt: number): void {
  for (let i = 0; i < REG_WORDS; i++) to[at + i] = from[fromAt + i]!
}

/** Unsets a register. */
export function clearRegister(words: Int32Array, at: number): void {
  words.fill(0, at, at + REG_WORDS)
}

/** True when slot `n` holds a saved register (of whatever width). */
export function isSpilled(frame: Frame, n: number): boolean {
  return frame.kinds[n * SLOT_SIZE + 7] === SlotKind.SPILL
}

/** True when slot `n` holds a saved register of 64 bits. */
export function isFullSpill(frame: Frame, n: number): boolean {
  return frame.kinds[n * SLOT_SIZE] === SlotKind.SPILL && frame.kinds[n * SLOT_SIZE + 7] === SlotKind.SPILL
}

/** Takes back every precise mark of `state`. */
export function clearPrecise(state: State): void {
  for (const frame of state.frames) {
    for (let n = 0; n < REGISTERS; n++) frame.words[registerAt(n) + PRECISE] = 0
    for (let n = 0; n < frame.slots; n++) frame.words[slotAt(n) + PRECISE] = 0
  }
}

/** Notes that the current instruction touched register `n`. */
export function touchRegister(state: State, n: number): void {
  state.shared.scratch.registers |= 1 << n
}

/** Notes that the current instruction touched stack slot `n`. */
export function touchSlot(state: State, n: number): void {
  const scratch = state.shared.scratch
  if (n < 32) scratch.slotsLow |= 1 << n
  else scratch.slotsHigh |= 1 << (n - 32)
}

export function slotTouched(scratch: Scratch, n: number): boolean {
  return n < 32 ? ((scratch.slotsLow >>> n) & 1) === 1 : ((scratch.slotsHigh >>> (n - 32)) & 1) === 1
}

export function clearScratch(scratch: Scratch): void {
  scratch.registers = 0
  scratch.slotsLow = 0
  scratch.slotsHigh = 0
}
