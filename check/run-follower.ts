/** Follows one run through one walk of the verifier, and notes where it first leaves it. */
import type { Slot } from '../isa/instruction.ts'
import { baseType, ID, RegType, TYPE } from '../verifier/layout.ts'
import { registerAt } from '../verifier/state.ts'
import type { Concrete } from './concrete.ts'
import { type Mismatch, outside, type Strictness } from './embedding.ts'
import type { WalkedHere } from './linux-holes.ts'
import { type Frames, type ProgramFacts, placeOf, type WalkRecord } from './walk-record.ts'

/** Where and how a run left a walk. */
export interface Departure {
  readonly slot: Slot
  readonly chain: string
  readonly place: string
  readonly value: string
  readonly nearest: string
}

/** Call sites in a chain. */
function sitesOf(chain: string): readonly Slot[] {
  return chain.split(',').slice(0, -1).map(Number)
}

export class RunFollower {
  readonly pruning: boolean
  found: Departure | undefined
  readonly #record: WalkRecord
  readonly #facts: ProgramFacts
  /** The run lies in a walked state; false behind a point where such a path was cut short. */
  #strict = true
  /** Index of the state that fitted last, by place: loops come to them in order. */
  readonly #last: Map<string, number> = new Map()

  constructor(record: WalkRecord, facts: ProgramFacts, pruning: boolean) {
    this.#record = record
    this.#facts = facts
    this.pruning = pruning
  }

  /** The run stands before `slot`. */
  step(slot: Slot, concrete: Concrete): void {
    if (this.found !== undefined) return
    const chain = concrete.chain()
    // Global functions are walked on their own, from what their declarations say: runs of them are not compared.
    if (sitesOf(chain).some((site) => this.#facts.globalCalls.has(site))) return
    const place = placeOf(slot, chain)
    const states = this.#record.states(place)
    const live = this.#liveAt(slot, chain)
    if (this.#isWalked(place, states, concrete, live)) {
      this.#strict = true
      return
    }
    if (this.#isCovered(place, states, concrete, live)) {
      this.#strict = false
      return
    }
    this.found = { slot, chain, ...this.#nearest(states, concrete, live) }
  }

  /** What the walk knew where the run stands, of the frame that runs. */
  walkedAt(slot: Slot, concrete: Concrete): WalkedHere {
    const chain = concrete.chain()
    const states = this.#record.states(placeOf(slot, chain))
    const word = (frames: Frames, reg: number, field: number): number => frames.at(-1)!.words[registerAt(reg) + field]!
    const isArena = (frames: Frames, reg: number): boolean => baseType(word(frames, reg, TYPE)) === RegType.ARENA
    const live = this.#liveAt(slot, chain)
    return {
      isLinked: (reg) => states.some((frames) => word(frames, reg, ID) !== 0),
      isOutsideArena: (regs) =>
        states.some(
          (frames) =>
            !regs.some((reg) => isArena(frames, reg)) && outside(frames, concrete, live, 'walked') === undefined,
        ),
    }
  }

  /** Searched from the state that fitted last time: in a loop the next one is the next state. */
  #isWalked(place: string, states: readonly Frames[], concrete: Concrete, live: (n: number) => number): boolean {
    const count = states.length
    const start = this.#last.get(place) ?? 0
    for (let i = 0; i < count; i++) {
      const n = (start + i) % count
      if (outside(states[n]!, concrete, live, 'walked') !== undefined) continue
      this.#last.set(place, n)
      return true
    }
    return false
  }

  /** Whether the run may be where a path was cut short here, or behind such a place. */
  #isCovered(place: string, states: readonly Frames[], concrete: Concrete, live: (n: number) => number): boolean {
    const within = (frames: Frames, strictness: Strictness): boolean =>
      outside(frames, concrete, live, strictness) === undefined
    if (this.#record.covering(place).some(({ frames }) => within(frames, 'covered'))) return true
    return !this.#strict && states.some((frames) => within(frames, 'pointers'))
  }

  /** Registers live in frame n: before the instruction, or when the call made there returns. */
  #liveAt(slot: Slot, chain: string): (frame: number) => number {
    const sites = sitesOf(chain)
    const { liveRegisters } = this.#facts
    return (frame) => (frame < sites.length ? liveRegisters[sites[frame]!]! : liveRegisters[slot]!)
  }

  #nearest(
    states: readonly Frames[],
    concrete: Concrete,
    live: (n: number) => number,
  ): Pick<Departure, 'place' | 'value' | 'nearest'> {
    let best: Mismatch | undefined
    let nearest = 'never walked'
    for (const frames of states) {
      const wrong = outside(frames, concrete, live, 'walked')
      if (wrong === undefined || (best !== undefined && best.fitted >= wrong.fitted)) continue
      best = wrong
      nearest = this.#facts.text(frames)
    }
    return { place: best?.place ?? '', value: best?.value ?? '', nearest }
  }
}
