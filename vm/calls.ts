/**
 * Calls inside a program: what is kept of the caller, and where a function's address leads.
 *
 *     state.saved, SAVED_WORDS a frame:   | return address | may_goto count | r6 | r7 | r8 | r9 |
 *                                           word index       of that frame    halves
 */
import { FaultError } from '../errors/errors.ts'
import { FRAME_BYTES, MAX_FRAMES, type Native, type RunState, SAVED_WORDS } from './state.ts'

/** Upper half of what an LD_IMM64 of a function gives: an address like those of kernel text. */
export const FUNCTION_HIGH = -1
const FUNCTION_BASE: number = 0xa0000000 | 0

/** Low half of the address of the function that starts at `slot`. */
export function functionLow(slot: number): number {
  return (FUNCTION_BASE + slot * 8) | 0
}

/** The slot that the function address in R[at] stands for; -1 when it is none. */
export function functionSlot(R: Int32Array, at: number): number {
  const distance = (R[at]! - FUNCTION_BASE) | 0
  if (R[at + 1] !== FUNCTION_HIGH || distance < 0 || (distance & 7) !== 0) return -1
  return distance >>> 3
}

/** Enters a frame: keeps r6 to r9 and the caller's may_goto count, moves r10 down. Gives the new depth. */
export function enter(R: Int32Array, saved: Int32Array, depth: number, returnTo: number, mayGoto: number): number {
  const at = depth * SAVED_WORDS
  saved[at] = returnTo
  saved[at + 1] = mayGoto
  for (let i = 0; i < 8; i++) saved[at + 2 + i] = R[12 + i]!
  R[20] = R[20]! - FRAME_BYTES
  return depth + 1
}

/** Leaves the frame above `depth`: r6 to r10 are the caller's again. Gives where it goes on. */
export function leave(R: Int32Array, saved: Int32Array, depth: number): number {
  const at = depth * SAVED_WORDS
  for (let i = 0; i < 8; i++) R[12 + i] = saved[at + 2 + i]!
  R[20] = R[20]! + FRAME_BYTES
  return saved[at]!
}

/** A callx of a helper's number. */
export function callNumber(
  R: Int32Array,
  at: number,
  state: RunState,
  helper: (id: number) => Native | undefined,
): void {
  const native = R[at + 1] === 0 ? helper(R[at]!) : undefined
  if (native === undefined) throw badCall(state, state.slot)
  native(R, state)
}

/** The fault of a program that calls more deeply than frames there are. */
export function tooDeep(state: RunState, slot: number): FaultError {
  const text = state.text(slot)
  return new FaultError('access', `call depth exceeds ${MAX_FRAMES} frames at instruction ${slot}: ${text}`, {
    instruction: slot,
    text,
  })
}

/** The fault of a callx through a register that holds no function. */
export function badCall(state: RunState, slot: number): FaultError {
  const text = state.text(slot)
  return new FaultError('access', `call of no function at instruction ${slot}: ${text}`, { instruction: slot, text })
}
