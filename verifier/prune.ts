/**
 * Stored states and what they are for: a path that comes to an instruction in a state that a stored one covers need
 * not be walked again, and one that comes back unchanged loops for ever.
 *
 *     buckets: (instruction ^ call site) mod length --> newest checkpoint, older, ...
 *     each checkpoint counts the open paths below it (branches); at 0 its precision marks are final
 *
 * Checkpoints are few on purpose: one is stored after at least 2 jumps and 8 instructions, and one that was compared
 * often without a hit is thrown out. The counters are the kernel's, so that its statistics come out the same.
 * Source: observed on Linux 6.18.
 */
import type { Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { frameSlot, Mode, sameCallSites, sameRegisters, stateCovered } from './compare.ts'
import { fail } from './errors.ts'
import { EXTRA, SLOT_STATE } from './layout.ts'
import { propagatePrecision } from './precision.ts'
import type { Visits } from './scc.ts'
import {
  type Checkpoint,
  clearPrecise,
  clearRegister,
  copyState,
  currentFrame,
  type Frame,
  type HistoryEntry,
  makeCheckpoint,
  REGISTERS,
  registerAt,
  SLOT_SIZE,
  SlotKind,
  type State,
  slotAt,
} from './state.ts'
import type { Walk } from './walk-env.ts'

/** Jumps and instructions between two checkpoints. */
const MIN_JUMPS = 2
const MIN_INSNS = 8
/** The same when an open checkpoint of this instruction was passed over. */
const MIN_JUMPS_IN_LOOP = 20
const MIN_INSNS_IN_LOOP = 100
/** History entries after which a checkpoint is stored whatever the counters say. */
const MAX_HISTORY = 40
/** A checkpoint goes when its misses exceed hits * n + n. */
const PATIENCE = 3
const PATIENCE_FORCED = 64
/** What SLOT_STATE holds of an iterator that has more to give. */
export const ITERATOR_ACTIVE = 1

export class StateTable {
  /** Made when first needed: most instructions never have one. */
  readonly #buckets: (Checkpoint[] | undefined)[]
  readonly visits: Visits
  /** False: compare only where a loop ends by it. */
  readonly #prune: boolean
  totalStates = 0
  peakStates = 0
  maxStatesPerInsn = 0
  #stored = 0
  /** Evicted, but still needed by paths below. */
  #retired = 0
  #jumpsAtLast = 0
  #processedAtLast = 0

  constructor(length: number, visits: Visits, prune: boolean) {
    this.#buckets = new Array(length)
    this.visits = visits
    this.#prune = prune
  }

  /** Checkpoints that `state` may be compared with, newest first; those of other instructions among them. */
  bucket(slot: Slot, state: State): Checkpoint[] {
    const site = currentFrame(state).callSite
    const index = ((slot ^ site) >>> 0) % this.#buckets.length
    this.#buckets[index] ??= []
    return this.#buckets[index]!
  }

  /** Every checkpoint stored now. */
  *all(): Generator<Checkpoint> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket
  }

  /**
   * `state` comes to a prune point. Stores it when it is time to.
   * @returns true when a stored state covers it: the path ends here
   */
  visit(walk: Walk, state: State): boolean {
    const bucket = this.bucket(state.slot, state)
    this.#cleanBucket(walk, state, bucket)
    const forced =
      walk.testStateFrequency || walk.prepared.forceCheckpoint[state.slot] === 1 || state.historyLength > MAX_HISTORY
    const search: Search = {
      forced,
      add:
        forced || (walk.jumps - this.#jumpsAtLast >= MIN_JUMPS && walk.processed - this.#processedAtLast >= MIN_INSNS),
      loop: false,
    }
    let count = 0
    for (let i = 0; i < bucket.length; ) {
      const checkpoint = bucket[i]!
      count += 1
      if (checkpoint.slot === state.slot) {
        if (this.#covers(walk, state, checkpoint, search)) {
          this.#hit(walk, state, checkpoint, search.loop)
          return true
        }
        if (search.add) this.#miss(walk, checkpoint, bucket)
      }
      // One that was evicted has left its place to the next.
      if (bucket[i] === checkpoint) i += 1
    }
    if (count > this.maxStatesPerInsn) this.maxStatesPerInsn = count
    if (search.add) this.#store(walk, state, bucket)
    return false
  }

  /** A path that came from `state` ends: closes what has no open paths any more. */
  endPath(walk: Walk, state: State): void {
    for (let at = state.parent; at !== undefined; at = at.parent) {
      at.branches -= 1
      if (at.branches > 0) return
      this.#samplePeak()
      this.visits.exit(at, walk.precision)
      this.#tryFree(at)
    }
  }

  #samplePeak(): void {
    const now = this.#stored + this.#retired + this.visits.held
    if (now > this.peakStates) this.peakStates = now
  }

  #covers(walk: Walk, state: State, checkpoint: Checkpoint, search: Search): boolean {
    if (checkpoint.branches > 0) {
      if (this.#coversOpen(walk, state, checkpoint, search)) return true
      if (
        !search.forced &&
        walk.jumps - this.#jumpsAtLast < MIN_JUMPS_IN_LOOP &&
        walk.processed - this.#processedAtLast < MIN_INSNS_IN_LOOP
      ) {
        search.add = false
      }
      return false
    }
    if (!this.#prune) return false
    search.loop = this.visits.isIncomplete(checkpoint)
    return covered(walk, checkpoint, state, search.loop ? Mode.RANGE_WITHIN : Mode.NOT_EXACT)
  }

  /** The current path lies below the checkpoint: a loop or a recursion. */
  #coversOpen(walk: Walk, state: State, checkpoint: Checkpoint, search: Search): boolean {
    const frame = currentFrame(state)
    const top = checkpoint.frames[checkpoint.frames.length - 1]!
    if (top.inAsyncCallback && top.asyncEntry !== frame.asyncEntry) return false
    switch (loopKind(walk, state.slot)) {
      case 'callback':
        return covered(walk, checkpoint, state, Mode.RANGE_WITHIN)
      case 'may-goto':
        if (checkpoint.mayGotoDepth !== state.mayGotoDepth && covered(walk, checkpoint, state, Mode.RANGE_WITHIN)) {
          search.loop = true
          return true
        }
        break
      default:
    }
    this.#refuseEndless(walk, state, checkpoint)
    return false
  }

  /** A loop that changed nothing at all since its last round never ends. @throws Rejection */
  #refuseEndless(walk: Walk, state: State, checkpoint: Checkpoint): void {
    if (
      !sameRegisters(checkpoint, state) ||
      !covered(walk, checkpoint, state, Mode.EXACT) ||
      iteratorDepthsDiffer(checkpoint, state) ||
      checkpoint.mayGotoDepth !== state.mayGotoDepth ||
      checkpoint.callbackUnrollDepth !== state.callbackUnrollDepth
    ) {
      return
    }
    if (walk.sink.level !== 0) {
      walk.sink.event({ kind: 'infinite-loop', slot: state.slot, current: state, old: checkpoint })
    }
    fail('infinite-loop', { slot: state.slot })
  }

  /** The path ends here; what the checkpoint needed exactly this path has needed too. */
  #hit(walk: Walk, state: State, checkpoint: Checkpoint, loop: boolean): void {
    checkpoint.hits += 1
    if (walk.prepared.jumpPoint[state.slot] === 1) pushHistory(walk, state)
    propagatePrecision(walk.precision, state, checkpoint)
    if (!loop) return
    this.visits.addBackEdge(copyState(state), checkpoint)
    this.#samplePeak()
  }

  /** Compared in vain. A checkpoint that is never hit only costs. */
  #miss(walk: Walk, checkpoint: Checkpoint, bucket: Checkpoint[]): void {
    checkpoint.misses += 1
    const open = checkpoint.branches > 0
    const n = open && walk.prepared.forceCheckpoint[checkpoint.slot] === 1 ? PATIENCE_FORCED : PATIENCE
    if (checkpoint.misses <= checkpoint.hits * n + n) return
    checkpoint.evicted = true
    bucket.splice(bucket.indexOf(checkpoint), 1)
    this.#stored -= 1
    this.#retired += 1
    this.#tryFree(checkpoint)
  }

  /** An evicted checkpoint stops counting once nobody needs it; later chances to notice that do not come. */
  #tryFree(checkpoint: Checkpoint): void {
    if (!checkpoint.evicted || checkpoint.branches > 0 || this.visits.isIncomplete(checkpoint)) return
    checkpoint.evicted = false
    this.#retired -= 1
  }

  /** From here on the path's history begins anew, below the checkpoint; marks are asked of that. */
  #store(walk: Walk, state: State, bucket: Checkpoint[]): void {
    this.totalStates += 1
    this.#stored += 1
    this.#samplePeak()
    this.#jumpsAtLast = walk.jumps
    this.#processedAtLast = walk.processed
    clearPrecise(state)
    const checkpoint = makeCheckpoint(state)
    bucket.unshift(checkpoint)
    this.visits.enter(checkpoint)
    state.parent = checkpoint
    state.firstSlot = state.slot
    state.history = undefined
    state.historyLength = 0
    state.dfsDepth = checkpoint.dfsDepth + 1
    walk.entry = undefined
  }

  #cleanBucket(walk: Walk, state: State, bucket: readonly Checkpoint[]): void {
    for (const checkpoint of bucket) {
      if (checkpoint.branches > 0 || checkpoint.cleaned || checkpoint.slot !== state.slot) continue
      if (!sameCallSites(checkpoint, state) || this.visits.isIncomplete(checkpoint)) continue
      cleanCheckpoint(walk, checkpoint)
    }
  }
}

interface Search {
  readonly forced: boolean
  /** The state is to be stored. */
  add: boolean
  /** The hit closes a loop. */
  loop: boolean
}

function covered(walk: Walk, old: Checkpoint, state: State, mode: Mode): boolean {
  return stateCovered(old, state, mode, walk.prepared.liveRegisters, walk.ids)
}

/** Wipes what nobody will read any more, so that the checkpoint covers more. */
function cleanCheckpoint(walk: Walk, checkpoint: Checkpoint): void {
  checkpoint.cleaned = true
  for (let f = 0; f < checkpoint.frames.length; f++) {
    const frame = checkpoint.frames[f]!
    const live = walk.prepared.liveRegisters[frameSlot(checkpoint, f)]!
    for (let n = 0; n < REGISTERS - 1; n++) {
      if (((live >>> n) & 1) === 0) clearRegister(frame.words, registerAt(n))
    }
    if (frame.slots === 0) continue
    const slots = walk.liveness.live(checkpoint, f)
    for (let n = 0; n < frame.slots; n++) {
      const word = n < 32 ? slots.low : slots.high
      if (((word >>> (n & 31)) & 1) === 1) continue
      clearRegister(frame.words, slotAt(n))
      frame.kinds.fill(SlotKind.INVALID, n * SLOT_SIZE, (n + 1) * SLOT_SIZE)
    }
  }
}

/** Loops that end by something other than a decided branch go through such an instruction. */
function loopKind(walk: Walk, slot: Slot): 'callback' | 'may-goto' | undefined {
  if (walk.prepared.callsCallback[slot] === 1) return 'callback'
  return walk.insns[slot]!.row.kind === Kind.MAY_GOTO ? 'may-goto' : undefined
}

function iteratorDepthsDiffer(old: State, state: State): boolean {
  return old.frames.some((frame, f) => frameDepthsDiffer(frame, state.frames[f]!))
}

function frameDepthsDiffer(old: Frame, frame: Frame): boolean {
  for (let n = 0; n < old.slots && n < frame.slots; n++) {
    if (old.kinds[n * SLOT_SIZE] !== SlotKind.ITER) continue
    const at = slotAt(n)
    if (old.words[at + SLOT_STATE] === ITERATOR_ACTIVE && old.words[at + EXTRA] !== frame.words[at + EXTRA]) return true
  }
  return false
}

/** Remembers the current instruction in the path's history, once. */
export function pushHistory(walk: Walk, state: State): HistoryEntry {
  if (walk.entry !== undefined) return walk.entry
  const entry: HistoryEntry = {
    slot: state.slot,
    previous: state.previous,
    spillSlot: -1,
    spillFrame: 0,
    stackOperands: 0,
    linked: undefined,
    older: state.history,
  }
  state.history = entry
  state.historyLength += 1
  walk.entry = entry
  return entry
}
