/**
 * Loops that end by something other than a decided branch (may_goto, iterators, callbacks) converge by widening: what
 * changed since the last round and has mattered to nobody becomes unknown. Source: observed on Linux 6.18.
 */
import { type IdMap, sameCallSites, sameExactly } from './compare.ts'
import { PRECISE, RegType, TYPE } from './layout.ts'
import { makeUnknown } from './scalar.ts'
import { type Checkpoint, type Frame, isSpilled, REGISTERS, registerAt, type State, slotAt } from './state.ts'

/**
 * The newest open checkpoint of the instruction that `state` stands at, of an earlier round: called from the same
 * places, with fewer than `dfsDepth` checkpoints above it.
 */
export function earlierRound(
  state: State,
  newestFirst: readonly Checkpoint[],
  dfsDepth: number,
): Checkpoint | undefined {
  return newestFirst.find(
    (checkpoint) =>
      checkpoint.slot === state.slot &&
      checkpoint.branches > 0 &&
      checkpoint.dfsDepth < dfsDepth &&
      sameCallSites(checkpoint, state),
  )
}

/** Makes unknown what `state` has other than `old`, an earlier round, and what is precise in neither. */
export function widen(old: State, state: State, ids: IdMap): void {
  ids.reset(state.shared.lastId)
  for (let f = 0; f < state.frames.length; f++) {
    const before = old.frames[f]
    if (before !== undefined) widenFrame(before, state.frames[f]!, ids)
  }
}

function widenFrame(old: Frame, frame: Frame, ids: IdMap): void {
  for (let n = 0; n < REGISTERS; n++) widenScalar(old.words, frame.words, registerAt(n), ids)
  for (let n = 0; n < frame.slots && n < old.slots; n++) {
    if (isSpilled(frame, n) && isSpilled(old, n)) widenScalar(old.words, frame.words, slotAt(n), ids)
  }
}

function widenScalar(old: Int32Array, words: Int32Array, at: number, ids: IdMap): void {
  if (old[at + TYPE] !== RegType.SCALAR || words[at + TYPE] !== RegType.SCALAR) return
  if (old[at + PRECISE] !== 0 || words[at + PRECISE] !== 0) return
  if (!sameExactly(old, at, words, at, ids)) makeUnknown(words, at)
}
