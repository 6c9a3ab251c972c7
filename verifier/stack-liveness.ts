/**
 * Which stack slots are still read later on: found during the walk, for each call chain on its own.
 *
 *     chain (7,12): main called at 7 the function that starts at 12
 *       frame 0 --> | insn 12 | insn 13 | ...     each insn: four masks of 64 slots
 *       frame 1 --> | insn 12 | insn 13 | ...       mayRead    some walk read the slot here
 *                                                   mustWrite  every walk so far overwrote it here
 *                                                   live       derived: read before it is overwritten
 *                                                   written    derived: surely overwritten from here on
 *
 * Slots that are not live in a finished checkpoint are wiped there, so that it covers more. Source: observed on
 * Linux 6.18.
 */
import type { Slot } from '../isa/instruction.ts'
import type { PlaceSet, WalkEvent } from './events.ts'
import type { State } from './state.ts'

/** Words an instruction has in a frame's masks. */
const MAY_READ = 0
const MUST_WRITE = 2
const LIVE = 4
const WRITTEN = 6
const MASK_WORDS = 8

const MAX_FRAMES = 8

/** The shape of one function, as the liveness equations need it. */
export interface FunctionShape {
  readonly start: Slot
  /** First slot behind it. */
  readonly end: Slot
  readonly postorder: ArrayLike<Slot>
}

/** What is needed of the program. */
export interface Flow {
  shape(subprogram: number): FunctionShape
  successors(slot: Slot): readonly Slot[]
  isPrunePoint(slot: Slot): boolean
  /** The instruction calls a callback before it goes on. */
  callsCallback(slot: Slot): boolean
}

interface Instance {
  /** Call sites of the frames outside, then the start of the function. */
  readonly chain: readonly Slot[]
  readonly shape: FunctionShape
  /** By frame; absent as long as nothing is known of it. */
  readonly masks: (Int32Array | undefined)[]
  /** Instructions that have been walked. */
  readonly walked: Uint8Array
  updated: boolean
  /** A mustWrite bit was lost: what was derived from it is void. */
  dropped: boolean
}

export class StackLiveness {
  readonly #flow: Flow
  /** By number, which frames remember (Frame.chain). */
  readonly #instances: Instance[] = []
  readonly #numbers = new Map<string, number>()
  /** Slots that the current instruction overwrites, two words a frame. */
  readonly #writes = new Int32Array(2 * MAX_FRAMES)
  #wrote = false
  readonly #report: ((event: WalkEvent) => void) | undefined

  /** `report`: takes the events of level 2, undefined to make none. */
  constructor(flow: Flow, report: ((event: WalkEvent) => void) | undefined) {
    this.#flow = flow
    this.#report = report
  }

  /** The current instruction reads the slots of mask (low, high) of `frame`. */
  read(state: State, frame: number, low: number, high: number): void {
    const instance = this.#instance(state, state.frames.length - 1)
    this.#markRead(instance, frame, state.slot, low, high)
  }

  /** It overwrites all eight bytes of slot `n` of `frame`. */
  write(frame: number, n: number): void {
    this.#wrote = true
    const at = 2 * frame + (n < 32 ? 0 : 1)
    this.#writes[at] = this.#writes[at]! | (1 << (n & 31))
  }

  /** A new instruction begins: nothing overwritten yet. */
  begin(): void {
    if (!this.#wrote) return
    this.#writes.fill(0)
    this.#wrote = false
  }

  /** The instruction at `slot` was walked; `state.frames` still are those it ran in. */
  commit(state: State, slot: Slot): void {
    const instance = this.#instance(state, state.frames.length - 1)
    this.#mergeWrites(instance, slot, this.#writes)
  }

  /** At the end of a path, and of a static function: derives anew what the last marks changed. */
  update(state: State): void {
    for (let frame = state.frames.length - 1; frame >= 0; frame--) {
      const instance = this.#instance(state, frame)
      if (!instance.updated) continue
      this.#solve(instance)
      if (frame > 0) this.#toCaller(instance, this.#instance(state, frame - 1), state.frames[frame]!.callSite)
      instance.updated = false
    }
  }

  /** Slots of `frame` that may still be read when `state` goes on, as (low, high). */
  live(state: State, frame: number): { low: number; high: number } {
    let low = 0
    let high = 0
    const last = state.frames.length - 1
    for (let i = last; i >= frame; i--) {
      const instance = this.#instance(state, i)
      let slot = state.slot
      if (i < last) {
        const site = state.frames[i + 1]!.callSite
        slot = this.#flow.callsCallback(site) ? site : site + 1
      }
      const masks = instance.masks[frame]
      const at = MASK_WORDS * (slot - instance.shape.start) + LIVE
      if (masks === undefined || at >= masks.length) continue
      low |= masks[at]!
      high |= masks[at + 1]!
    }
    return { low, high }
  }

  #instance(state: State, frame: number): Instance {
    const known = state.frames[frame]!.chain
    return known >= 0 ? this.#instances[known]! : this.#find(state, frame)
  }

  #find(state: State, frame: number): Instance {
    const shape = this.#flow.shape(state.frames[frame]!.subprogram)
    const chain: Slot[] = []
    for (let i = 1; i <= frame; i++) chain.push(state.frames[i]!.callSite)
    chain.push(shape.start)
    const key = chain.join(',')
    let number = this.#numbers.get(key)
    if (number === undefined) {
      const walked = new Uint8Array(shape.end - shape.start)
      number = this.#instances.push({ chain, shape, masks: [], walked, updated: false, dropped: false }) - 1
      this.#numbers.set(key, number)
    }
    state.frames[frame]!.chain = number
    return this.#instances[number]!
  }

  #masks(instance: Instance, frame: number): Int32Array {
    let masks = instance.masks[frame]
    if (masks === undefined) {
      masks = new Int32Array(MASK_WORDS * (instance.shape.end - instance.shape.start))
      instance.masks[frame] = masks
    }
    return masks
  }

  #markRead(instance: Instance, frame: number, slot: Slot, low: number, high: number): void {
    if ((low | high) === 0) return
    const masks = this.#masks(instance, frame)
    const at = MASK_WORDS * (slot - instance.shape.start)
    const newLow = low & ~masks[at + MAY_READ]!
    const newHigh = high & ~masks[at + MAY_READ + 1]!
    if ((newLow & ~masks[at + LIVE]!) !== 0 || (newHigh & ~masks[at + LIVE + 1]!) !== 0) instance.updated = true
    masks[at + MAY_READ]! |= low
    masks[at + MAY_READ + 1]! |= high
  }

  /** One more walk of `slot` overwrote `writes`: the first one sets, later ones can only take away. */
  #mergeWrites(instance: Instance, slot: Slot, writes: Int32Array): void {
    const index = slot - instance.shape.start
    const at = MASK_WORDS * index + MUST_WRITE
    const first = instance.walked[index] === 0
    instance.walked[index] = 1
    for (let frame = 0; frame < instance.chain.length; frame++) {
      const low = writes[2 * frame]!
      const high = writes[2 * frame + 1]!
      if (instance.masks[frame] === undefined && (low | high) === 0) continue
      const masks = this.#masks(instance, frame)
      const oldLow = masks[at]!
      const oldHigh = masks[at + 1]!
      const newLow = first ? low : oldLow & low
      const newHigh = first ? high : oldHigh & high
      if (newLow === oldLow && newHigh === oldHigh) continue
      instance.updated = true
      if ((oldLow & ~newLow) !== 0 || (oldHigh & ~newHigh) !== 0) instance.dropped = true
      masks[at] = newLow
      masks[at + 1] = newHigh
    }
  }

  #solve(instance: Instance): void {
    if (instance.dropped) {
      for (const masks of instance.masks) {
        if (masks === undefined) continue
        for (let at = WRITTEN; at < masks.length; at += MASK_WORDS) masks[at] = masks[at + 1] = 0
      }
      instance.dropped = false
    }
    const { postorder } = instance.shape
    let iterations = 0
    let changed = true
    while (changed) {
      changed = false
      iterations += 1
      for (let frame = 0; frame < instance.chain.length; frame++) {
        const masks = instance.masks[frame]
        if (masks === undefined) continue
        for (let i = 0; i < postorder.length; i++) {
          if (this.#solveInstruction(instance, frame, masks, postorder[i]!)) changed = true
        }
      }
    }
    this.#report?.({ kind: 'stack-liveness-done', chain: instance.chain, iterations })
  }

  #solveInstruction(instance: Instance, frame: number, masks: Int32Array, slot: Slot): boolean {
    const successors = this.#flow.successors(slot)
    if (successors.length === 0) return false
    const { start } = instance.shape
    const at = MASK_WORDS * (slot - start)
    let liveLow = 0
    let liveHigh = 0
    let writtenLow = -1
    let writtenHigh = -1
    for (const successor of successors) {
      const next = MASK_WORDS * (successor - start)
      liveLow |= masks[next + LIVE]!
      liveHigh |= masks[next + LIVE + 1]!
      writtenLow &= masks[next + WRITTEN]!
      writtenHigh &= masks[next + WRITTEN + 1]!
    }
    liveLow = (liveLow & ~masks[at + MUST_WRITE]!) | masks[at + MAY_READ]!
    liveHigh = (liveHigh & ~masks[at + MUST_WRITE + 1]!) | masks[at + MAY_READ + 1]!
    writtenLow |= masks[at + MUST_WRITE]!
    writtenHigh |= masks[at + MUST_WRITE + 1]!
    const sameLive = liveLow === masks[at + LIVE] && liveHigh === masks[at + LIVE + 1]
    const sameWritten = writtenLow === masks[at + WRITTEN] && writtenHigh === masks[at + WRITTEN + 1]
    if (sameLive && sameWritten) return false
    if (this.#report !== undefined && this.#isShown(masks, at, slot, start)) {
      if (!sameLive) this.#reportChange(instance, frame, slot, 'live', masks, at + LIVE, liveLow, liveHigh)
      if (!sameWritten)
        this.#reportChange(instance, frame, slot, 'written', masks, at + WRITTEN, writtenLow, writtenHigh)
    }
    masks[at + LIVE] = liveLow
    masks[at + LIVE + 1] = liveHigh
    masks[at + WRITTEN] = writtenLow
    masks[at + WRITTEN + 1] = writtenHigh
    return true
  }

  #isShown(masks: Int32Array, at: number, slot: Slot, start: Slot): boolean {
    const marks =
      masks[at + MAY_READ]! | masks[at + MAY_READ + 1]! | masks[at + MUST_WRITE]! | masks[at + MUST_WRITE + 1]!
    return marks !== 0 || slot === start || this.#flow.isPrunePoint(slot)
  }

  #reportChange(
    instance: Instance,
    frame: number,
    slot: Slot,
    what: 'live' | 'written',
    masks: Int32Array,
    at: number,
    low: number,
    high: number,
  ): void {
    this.#report?.({
      kind: 'stack-liveness',
      chain: instance.chain,
      frame,
      slot,
      what,
      added: slotSet(low & ~masks[at]!, high & ~masks[at + 1]!),
      removed: slotSet(masks[at]! & ~low, masks[at + 1]! & ~high),
    })
  }

  /** What a function does to the frames outside becomes a mark of the call. */
  #toCaller(callee: Instance, caller: Instance, site: Slot): void {
    const writes = new Int32Array(2 * MAX_FRAMES)
    for (let frame = 0; frame < caller.chain.length; frame++) {
      const masks = callee.masks[frame]
      if (masks === undefined) continue
      this.#markRead(caller, frame, site, masks[LIVE]!, masks[LIVE + 1]!)
      writes[2 * frame] = masks[WRITTEN]!
      writes[2 * frame + 1] = masks[WRITTEN + 1]!
    }
    this.#mergeWrites(caller, site, writes)
  }
}

function slotSet(slotsLow: number, slotsHigh: number): PlaceSet {
  return { registers: 0, slotsLow, slotsHigh }
}
