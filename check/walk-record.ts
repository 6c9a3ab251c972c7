/**
 * What the verifier's walk of a program knew, kept for comparison with runs: the states before each instruction, by
 * instruction and chain of calls, and the checkpoints that cut paths short.
 */
import type { Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import type { LoadableProgram, MapInfo } from '../program/loadable.ts'
import { REG_WORDS } from '../verifier/layout.ts'
import { LogBuffer } from '../verifier/log.ts'
import { prepare } from '../verifier/prepare.ts'
import {
  type Checkpoint,
  type Frame,
  makeShared,
  makeState,
  SLOT_BASE,
  SLOT_SIZE,
  type State,
} from '../verifier/state.ts'
import { frameText } from '../verifier/text-state.ts'
import type { Observer } from '../verifier/walk-env.ts'

/** The walk has more states than are worth keeping; the program is left out. */
export class WalkTooLong extends Error {
  override readonly name = 'WalkTooLong'
}

/** Elements allocated at a time; more than any frame has. */
const CHUNK = 1 << 17

/** Hands out parts of large arrays. */
class Store<T extends Int32Array | Uint8Array> {
  readonly #make: () => T
  #chunk: T | undefined
  #used = 0

  constructor(make: () => T) {
    this.#make = make
  }

  /** A copy of the first `length` elements of `from`. */
  copy(from: T, length: number): T {
    if (this.#chunk === undefined || this.#used + length > CHUNK) {
      this.#chunk = this.#make()
      this.#used = 0
    }
    const part = this.#chunk.subarray(this.#used, this.#used + length) as T
    for (let i = 0; i < length; i++) part[i] = from[i]!
    this.#used += length
    return part
  }
}

/** The frames of a state, from the program's own to the one that runs. */
export type Frames = readonly Frame[]

export class WalkRecord {
  readonly #states: Map<string, Frames[]> = new Map()
  readonly #checkpoints: Set<Checkpoint> = new Set()
  readonly #words: Store<Int32Array> = new Store(() => new Int32Array(CHUNK))
  readonly #kinds: Store<Uint8Array> = new Store(() => new Uint8Array(CHUNK))
  readonly #limit: number
  #count = 0
  #byPlace: Map<string, Checkpoint[]> | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** To be given to `verify`. Throws WalkTooLong beyond the limit. */
  readonly observer: Observer = (slot, state) => {
    this.#count += 1
    if (this.#count > this.#limit) throw new WalkTooLong(`more than ${this.#limit} states`)
    const place = placeOf(slot, chainOf(state))
    const known = this.#states.get(place)
    const frames = state.frames.map((frame) => this.#copy(frame))
    if (known === undefined) this.#states.set(place, [frames])
    else known.push(frames)
    // Checkpoints are live: their precise marks are final when the walk is over.
    for (let at = state.parent; at !== undefined && !this.#checkpoints.has(at); at = at.parent) {
      this.#checkpoints.add(at)
    }
  }

  /** Copies lie side by side in large arrays: there are very many. */
  #copy(frame: Frame): Frame {
    const { slots } = frame
    const words = this.#words.copy(frame.words, SLOT_BASE + slots * REG_WORDS)
    return { ...frame, words, kinds: this.#kinds.copy(frame.kinds, slots * SLOT_SIZE) }
  }

  /** States walked at a place. */
  states(place: string): readonly Frames[] {
    return this.#states.get(place) ?? []
  }

  /** Checkpoints at a place by which a path was cut short; to be asked once the walk is over. */
  covering(place: string): readonly Checkpoint[] {
    this.#byPlace ??= Map.groupBy(
      [...this.#checkpoints].filter(({ hits }) => hits > 0),
      (checkpoint) => placeOf(checkpoint.slot, chainOf(checkpoint)),
    )
    return this.#byPlace.get(place) ?? []
  }

  get count(): number {
    return this.#count
  }
}

/** An instruction in a chain of calls, as text. */
export function placeOf(slot: Slot, chain: string): string {
  return `${slot}:${chain}`
}

function chainOf(state: State): string {
  let chain = ''
  for (let n = 1; n < state.frames.length; n++) chain += `${state.frames[n]!.callSite},`
  return chain
}

/** Facts about a program that states are read with. */
export interface ProgramFacts {
  readonly maps: readonly MapInfo[]
  /** Bit n: register n is live before the slot. */
  readonly liveRegisters: ArrayLike<number>
  /** Slots of calls to global functions. */
  readonly globalCalls: ReadonlySet<Slot>
  text(frames: Frames): string
}

export function factsOf(program: LoadableProgram): ProgramFacts {
  const { maps, liveRegisters, names, subprograms, subprogramOf } = prepare(program, new LogBuffer(0))
  const globalCalls = program.insns.flatMap(({ row, imm }, slot) => {
    if (row.kind !== Kind.CALL_LOCAL) return []
    return subprograms[subprogramOf[slot + 1 + imm]!]?.linkage === 'global' ? [slot] : []
  })
  return {
    maps,
    liveRegisters,
    globalCalls: new Set(globalCalls),
    text: (frames) => frames.map((frame) => frameText(stateOf(frames), frame, names).trim()).join('\n'),
  }
}

/** A state with nothing but frames. */
function stateOf(frames: Frames): State {
  return { ...makeState(makeShared(), 0, 0, false), frames: [...frames] }
}
