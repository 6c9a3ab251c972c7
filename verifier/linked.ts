/**
 * Scalars that are copies of one another, or copies plus a constant: found before a branch is split, brought up to
 * date after it. Source: observed on Linux 6.18.
 */
import { frameSlot } from './compare.ts'
import { ID, LINK, RegType, TYPE } from './layout.ts'
import { isSpilled, type Place, REGISTERS, registerAt, type State, slotAt } from './state.ts'
import type { Walk } from './walk-env.ts'

/** Places that a branch keeps in step; those found beyond it lose their link. */
const MAX_LINKED = 6

/**
 * Adds to `linked` the live registers and the saved ones, in all frames, that share `id`. A second call for the other
 * operand's id may enter a place again: that takes room, as in the kernel.
 */
export function collectLinked(walk: Walk, state: State, id: number, linked: Place[]): void {
  for (let f = state.frames.length - 1; f >= 0; f--) {
    const frame = state.frames[f]!
    const live = walk.prepared.liveRegisters[frameSlot(state, f)]!
    for (let n = 0; n < REGISTERS - 1; n++) {
      if (((live >>> n) & 1) === 1)
        collect(frame.words, registerAt(n), id, linked, { frame: f, spill: false, index: n })
    }
    for (let n = 0; n < frame.slots; n++) {
      if (isSpilled(frame, n)) collect(frame.words, slotAt(n), id, linked, { frame: f, spill: true, index: n })
    }
  }
}

function collect(words: Int32Array, at: number, id: number, linked: Place[], place: Place): void {
  if (words[at + TYPE] !== RegType.SCALAR || words[at + ID] !== id) return
  if (linked.length < MAX_LINKED) linked.push(place)
  else {
    words[at + ID] = 0
    words[at + LINK] = 0
  }
}

/** Carries what is known of the register at `from` to every place linked to it. */
export function syncLinked(walk: Walk, state: State, words: Int32Array, from: number, linked: readonly Place[]): void {
  const id = words[from + ID]!
  for (const place of linked) {
    const frame = state.frames[place.frame]!
    const at = place.spill ? slotAt(place.index) : registerAt(place.index)
    if (frame.words === words && at === from) continue
    if (frame.words[at + TYPE] !== RegType.SCALAR || frame.words[at + ID] !== id) continue
    walk.transfer.updateLinked(frame.words, at, words, from)
  }
}
