/**
 * Is a state covered by a stored one? If everything that was found true from the stored state on holds for this one
 * as well, the path need not be walked again.
 *
 *     NOT_EXACT      the stored state's paths are all finished: only what mattered (precise scalars) counts
 *     RANGE_WITHIN   its marks are not final yet (open loop): every scalar counts, by range
 *     EXACT          for the infinite-loop test: nothing at all may differ
 *
 * Ids are compared up to renaming, one to one (IdMap). Only registers that are live before a frame's instruction
 * take part. Source: observed on Linux 6.18.
 */
import { leS, leU } from '../memory/int64.ts'
import {
  BTF_ID,
  baseType,
  FRAME,
  ID,
  LINK,
  MAP,
  OFF,
  PRECISE,
  RANGE,
  REF_OBJ_ID,
  REG_WORDS,
  RegType,
  S32MAX,
  S32MIN,
  SLOT_STATE,
  SMAX_LO,
  SMIN_LO,
  TYPE,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_LO,
} from './layout.ts'
import { makeUnknown } from './scalar.ts'
import { type Frame, REGISTERS, registerAt, SLOT_SIZE, SlotKind, type State, slotAt } from './state.ts'
import { tnumContains } from './tnum.ts'

export const Mode = { NOT_EXACT: 0, RANGE_WITHIN: 1, EXACT: 2 } as const
export type Mode = (typeof Mode)[keyof typeof Mode]

/** Registers live before each instruction, as bit masks. */
export type LiveRegisters = ArrayLike<number>

/** A one-to-one renaming of ids, built up while two states are compared. */
export class IdMap {
  #old = new Int32Array(64)
  #current = new Int32Array(64)
  #count = 0
  #temporary = 0

  /** Forgets every pair; ids made up for unlinked registers start above `lastId`. */
  reset(lastId: number): void {
    this.#count = 0
    this.#temporary = lastId
  }

  /** True when `old` may correspond to `current`; enters a new pair. No id corresponds to no id only. */
  pair(old: number, current: number): boolean {
    if (old === 0 || current === 0) return old === current
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#current[i] === current
      if (this.#current[i] === current) return false
    }
    if (this.#count === this.#old.length) this.#grow()
    this.#old[this.#count] = old
    this.#current[this.#count] = current
    this.#count += 1
    return true
  }

  /** As `pair` for linked scalars: a stored one without link fits any; an unlinked current one gets an id of its own. */
  pairScalar(old: number, current: number): boolean {
    if (old === 0) return true
    if (current !== 0) return this.pair(old, current)
    this.#temporary += 1
    return this.pair(old, this.#temporary)
  }

  #grow(): void {
    const old = new Int32Array(this.#old.length * 2)
    const current = new Int32Array(this.#old.length * 2)
    old.set(this.#old)
    current.set(this.#current)
    this.#old = old
    this.#current = current
  }
}

/** An unknown scalar, which stands for eight bytes of no interest. */
const UNKNOWN_SCALAR: Int32Array = new Int32Array(REG_WORDS)
makeUnknown(UNKNOWN_SCALAR, 0)

/**
 * True when type, offset, tnum, bounds and data of the type are the same: everything but ids, marks and the frame of a
 * stack pointer.
 */
export function sameBits(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  const type = a[at + TYPE]!
  if (type !== b[bt + TYPE] || a[at + OFF] !== b[bt + OFF]) return false
  for (let i = VALUE_LO; i <= U32MAX; i++) if (a[at + i] !== b[bt + i]) return false
  // Scalars and unset registers have no more to them.
  return type === RegType.SCALAR || type === RegType.NOT_INIT || sameTypeData(a, at, b, bt)
}

/** Map, size, range, struct and the like; they lie side by side but for the frame. */
function sameTypeData(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  for (let i = MAP; i < REG_WORDS; i++) if (i !== FRAME && a[at + i] !== b[bt + i]) return false
  return true
}

/** An id together with what kind of link it is: a sum with a constant is not the same link as a copy. */
function linkId(words: Int32Array, at: number): number {
  const link = words[at + LINK]!
  return words[at + ID]! | (link === 64 ? 0x8000_0000 : link === 32 ? 0x4000_0000 : 0)
}

/** Same bits, and ids that correspond. */
export function sameExactly(a: Int32Array, at: number, b: Int32Array, bt: number, ids: IdMap): boolean {
  return (
    sameBits(a, at, b, bt) &&
    ids.pair(linkId(a, at), linkId(b, bt)) &&
    ids.pair(a[at + REF_OBJ_ID]!, b[bt + REF_OBJ_ID]!)
  )
}

/** True when every value of `b` is a value of `a`. */
function rangeWithin(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  return (
    leU(a[at + UMIN_LO]!, a[at + UMIN_LO + 1]!, b[bt + UMIN_LO]!, b[bt + UMIN_LO + 1]!) &&
    leU(b[bt + UMAX_LO]!, b[bt + UMAX_LO + 1]!, a[at + UMAX_LO]!, a[at + UMAX_LO + 1]!) &&
    leS(a[at + SMIN_LO]!, a[at + SMIN_LO + 1]!, b[bt + SMIN_LO]!, b[bt + SMIN_LO + 1]!) &&
    leS(b[bt + SMAX_LO]!, b[bt + SMAX_LO + 1]!, a[at + SMAX_LO]!, a[at + SMAX_LO + 1]!) &&
    a[at + U32MIN]! >>> 0 <= b[bt + U32MIN]! >>> 0 &&
    a[at + U32MAX]! >>> 0 >= b[bt + U32MAX]! >>> 0 &&
    a[at + S32MIN]! <= b[bt + S32MIN]! &&
    a[at + S32MAX]! >= b[bt + S32MAX]! &&
    tnumContains(a, at + VALUE_LO, b, bt + VALUE_LO)
  )
}

/** A number that nobody needed exactly covers any other. */
function scalarCovered(a: Int32Array, at: number, b: Int32Array, bt: number, mode: Mode, ids: IdMap): boolean {
  if (mode === Mode.NOT_EXACT && a[at + PRECISE] === 0) return true
  if (a[at + ID] !== 0) {
    if (a[at + LINK] !== b[bt + LINK]) return false
    if (a[at + LINK] !== 0 && a[at + OFF] !== b[bt + OFF]) return false
    if (!ids.pairScalar(linkId(a, at), b[bt + ID] === 0 ? 0 : linkId(b, bt))) return false
    if (a[at + LINK] !== 0 && !ids.pairScalar(a[at + ID]!, b[bt + ID]!)) return false
  }
  return rangeWithin(a, at, b, bt)
}

/** Is the register at `b[bt]` covered by the stored one at `a[at]`? */
export function registerCovered(a: Int32Array, at: number, b: Int32Array, bt: number, mode: Mode, ids: IdMap): boolean {
  if (mode === Mode.EXACT) return sameExactly(a, at, b, bt, ids)
  const type = a[at + TYPE]!
  if (type === RegType.NOT_INIT) return mode === Mode.NOT_EXACT || b[bt + TYPE] === RegType.NOT_INIT
  if (type !== b[bt + TYPE]) return false
  switch (baseType(type)) {
    case RegType.SCALAR:
      return scalarCovered(a, at, b, bt, mode, ids)
    case RegType.ARENA:
      return true
    case RegType.MAP_KEY:
    case RegType.MAP_VALUE:
    case RegType.MEM:
    case RegType.BUF:
    case RegType.TP_BUFFER:
      return (
        a[at + OFF] === b[bt + OFF] &&
        sameTypeData(a, at, b, bt) &&
        rangeWithin(a, at, b, bt) &&
        ids.pair(a[at + ID]!, b[bt + ID]!) &&
        ids.pair(a[at + REF_OBJ_ID]!, b[bt + REF_OBJ_ID]!)
      )
    case RegType.PACKET:
    case RegType.PACKET_META:
      return packetCovered(a, at, b, bt, ids)
    case RegType.STACK:
      return sameExactly(a, at, b, bt, ids) && a[at + FRAME] === b[bt + FRAME]
    default:
      return sameExactly(a, at, b, bt, ids)
  }
}

/** More of a packet known to be there is as good; a mark that the end was passed must be the same. */
function packetCovered(a: Int32Array, at: number, b: Int32Array, bt: number, ids: IdMap): boolean {
  const old = a[at + RANGE]!
  const current = b[bt + RANGE]!
  if ((old < 0 || current < 0) && old !== current) return false
  return (
    old <= current && a[at + OFF] === b[bt + OFF] && ids.pair(a[at + ID]!, b[bt + ID]!) && rangeWithin(a, at, b, bt)
  )
}

/** A slot that holds a whole scalar, or eight bytes that read as an unknown one. */
function scalarSlot(frame: Frame, n: number): boolean {
  const at = n * SLOT_SIZE
  if (frame.kinds[at] === SlotKind.SPILL) {
    return frame.kinds[at + 7] === SlotKind.SPILL && frame.words[slotAt(n) + TYPE] === RegType.SCALAR
  }
  for (let i = at; i < at + SLOT_SIZE; i++) {
    const kind = frame.kinds[i]
    if (kind !== SlotKind.MISC && kind !== SlotKind.INVALID) return false
  }
  return true
}

function scalarOfSlot(frame: Frame, n: number): Int32Array {
  return frame.kinds[n * SLOT_SIZE + 7] === SlotKind.SPILL ? frame.words : UNKNOWN_SCALAR
}

/** Slots beyond the old state's stack are of no interest: nothing has read them. */
function stackCovered(old: Frame, current: Frame, mode: Mode, ids: IdMap): boolean {
  for (let n = 0; n < old.slots; n++) {
    const verdict = slotCovered(old, current, n, mode, ids)
    if (!verdict) return false
  }
  return true
}

function slotCovered(old: Frame, current: Frame, n: number, mode: Mode, ids: IdMap): boolean {
  for (let i = n * SLOT_SIZE; i < (n + 1) * SLOT_SIZE; i++) {
    const kind = old.kinds[i]!
    const present = n < current.slots
    if (mode !== Mode.NOT_EXACT && (!present || current.kinds[i] !== kind)) return false
    // Never-written bytes may be read, as unknown, so neither they nor unknown bytes have mattered.
    if (kind === SlotKind.INVALID || kind === SlotKind.MISC) continue
    if (!present) return false
    if (scalarSlot(old, n) && scalarSlot(current, n)) {
      const a = scalarOfSlot(old, n)
      const b = scalarOfSlot(current, n)
      return registerCovered(
        a,
        a === UNKNOWN_SCALAR ? 0 : slotAt(n),
        b,
        b === UNKNOWN_SCALAR ? 0 : slotAt(n),
        mode,
        ids,
      )
    }
    if (current.kinds[i] !== kind) return false
  }
  return lastByteCovered(old, current, n, mode, ids)
}

/** What the lowest byte of a slot stands for beyond its kind. */
function lastByteCovered(old: Frame, current: Frame, n: number, mode: Mode, ids: IdMap): boolean {
  const at = slotAt(n)
  const a = old.words
  const b = current.words
  switch (old.kinds[n * SLOT_SIZE + 7]) {
    case SlotKind.SPILL:
      return registerCovered(a, at, b, at, mode, ids)
    case SlotKind.DYNPTR:
    case SlotKind.ITER:
    case SlotKind.IRQ_FLAG:
      // The depth of an iterator (EXTRA) is left out on purpose: a loop comes back with another one.
      return (
        a[at + SLOT_STATE] === b[at + SLOT_STATE] &&
        a[at + BTF_ID] === b[at + BTF_ID] &&
        ids.pair(a[at + REF_OBJ_ID]!, b[at + REF_OBJ_ID]!)
      )
    default:
      return true
  }
}

/** What the program holds must be the same, up to the names. */
function referencesCovered(old: State, current: State, ids: IdMap): boolean {
  if (
    old.references.length !== current.references.length ||
    old.activeLocks !== current.activeLocks ||
    old.activePreemptLocks !== current.activePreemptLocks ||
    old.activeRcuLock !== current.activeRcuLock ||
    !ids.pair(old.activeIrqId, current.activeIrqId) ||
    !ids.pair(old.activeLockId, current.activeLockId) ||
    old.activeLockOwner !== current.activeLockOwner
  ) {
    return false
  }
  return old.references.everyPair(
    current.references,
    (mine, theirs) => ids.pair(mine.id, theirs.id) && mine.kind === theirs.kind && mine.owner === theirs.owner,
  )
}

function frameCovered(old: Frame, current: Frame, live: number, mode: Mode, ids: IdMap): boolean {
  if (old.callbackDepth > current.callbackDepth) return false
  for (let n = 0; n < REGISTERS; n++) {
    if (((live >>> n) & 1) === 0) continue
    const at = registerAt(n)
    if (!registerCovered(old.words, at, current.words, at, mode, ids)) return false
  }
  return stackCovered(old, current, mode, ids)
}

/** Instruction that frame `i` stands at: the state's own, or the call that has not returned. */
export function frameSlot(state: State, i: number): number {
  return i === state.frames.length - 1 ? state.slot : state.frames[i + 1]!.callSite
}

/** Is `current` covered by the stored state `old`? Both stand before the same instruction. */
export function stateCovered(old: State, current: State, mode: Mode, live: LiveRegisters, ids: IdMap): boolean {
  if (old.frames.length !== current.frames.length) return false
  if (old.speculative && !current.speculative) return false
  if (old.inSleepable !== current.inSleepable) return false
  ids.reset(current.shared.lastId)
  if (!referencesCovered(old, current, ids)) return false
  for (let i = 0; i < old.frames.length; i++) {
    const a = old.frames[i]!
    const b = current.frames[i]!
    if (a.callSite !== b.callSite) return false
    if (!frameCovered(a, b, live[frameSlot(old, i)]!, mode, ids)) return false
  }
  return true
}

/** True when both states are in the same functions, called from the same places. */
export function sameCallSites(a: State, b: State): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, i) => frame.callSite === b.frames[i]!.callSite)
}

/** All registers of the innermost frames bit for bit the same, dead ones and ids included. */
export function sameRegisters(a: State, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false
  const x = a.frames[a.frames.length - 1]!.words
  const y = b.frames[b.frames.length - 1]!.words
  for (let n = 0; n < REGISTERS; n++) {
    const at = registerAt(n)
    if (!sameBits(x, at, y, at) || linkId(x, at) !== linkId(y, at) || x[at + REF_OBJ_ID] !== y[at + REF_OBJ_ID])
      return false
  }
  return true
}
