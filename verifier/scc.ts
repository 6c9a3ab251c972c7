/**
 * Visits of loops. While a loop is open, precision marks of its checkpoints are not final: a path that was covered by
 * one of them asked for nothing beyond it. So each such hit is kept as a back edge, and when the loop's first
 * checkpoint has no open paths left, marks go round over the back edges until nothing changes.
 *
 *     entry checkpoint            visit (call sites, component) --> entry
 *        |     ^                                                --> back edges: state --covered by--> checkpoint
 *        v     | back edge
 *     loop body
 *
 * Source: observed on Linux 6.18.
 */
import { frameSlot } from './compare.ts'
import type { LogSink } from './events.ts'
import { markAllPrecise, type Precision, propagatePrecision } from './precision.ts'
import type { Checkpoint, State } from './state.ts'

/** Rounds over the back edges before every scalar is made precise instead. */
const MAX_ROUNDS = 64

interface BackEdge {
  /** The path that came back; it walks no further. */
  readonly state: State
  readonly coveredBy: Checkpoint
}

export interface Visit {
  /** Call sites of the frames outside the loop, then the component's number. */
  readonly chain: readonly number[]
  entry: Checkpoint | undefined
  /** Newest first. */
  backEdges: BackEdge[]
}

export class Visits {
  readonly #scc: (slot: number) => number
  readonly #sink: LogSink
  readonly #visits = new Map<string, Visit>()
  /** Back edges held, over all visits. */
  held = 0

  constructor(scc: (slot: number) => number, sink: LogSink) {
    this.#scc = scc
    this.#sink = sink
  }

  /** The key of the loop that `state` is in: the outermost frame that stands in one decides. */
  #key(state: State): readonly number[] | undefined {
    for (let i = 0; i < state.frames.length; i++) {
      const component = this.#scc(frameSlot(state, i))
      if (component === 0) continue
      const chain: number[] = []
      for (let j = 1; j <= i; j++) chain.push(state.frames[j]!.callSite)
      chain.push(component)
      return chain
    }
    return undefined
  }

  /** The open or past visit that `state` lies in. */
  #find(state: State): Visit | undefined {
    const chain = this.#key(state)
    return chain === undefined ? undefined : this.#visits.get(chain.join(','))
  }

  /** True when marks of `state` may still come over a back edge. */
  isIncomplete(state: State): boolean {
    if (this.held === 0) return false
    const visit = this.#find(state)
    return visit !== undefined && visit.backEdges.length > 0
  }

  /** A checkpoint was stored: it may be the first of a visit. */
  enter(stored: Checkpoint): void {
    const chain = this.#key(stored)
    if (chain === undefined) return
    const key = chain.join(',')
    let visit = this.#visits.get(key)
    if (visit === undefined) {
      visit = { chain, entry: undefined, backEdges: [] }
      this.#visits.set(key, visit)
    }
    if (visit.entry !== undefined) return
    visit.entry = stored
    this.#report('enter', visit)
  }

  /** `state`, which nobody walks on, is covered by `by`, which is not final. */
  addBackEdge(state: State, by: Checkpoint): void {
    const visit = this.#find(by)
    if (visit === undefined) return
    visit.backEdges.unshift({ state, coveredBy: by })
    this.held += 1
    this.#report('backedge', visit)
  }

  /** No path is open below `checkpoint`: closes the visit that it began. @returns whether it had begun one */
  exit(checkpoint: Checkpoint, precision: Precision): boolean {
    const visit = this.#find(checkpoint)
    if (visit === undefined || visit.entry !== checkpoint) return false
    visit.entry = undefined
    this.#report('exit', visit)
    this.#settle(visit, precision)
    this.held -= visit.backEdges.length
    visit.backEdges = []
    return true
  }

  #settle(visit: Visit, precision: Precision): void {
    if (visit.backEdges.length === 0) return
    for (let round = 1; ; round++) {
      if (round > MAX_ROUNDS) {
        if ((this.#sink.level & 2) !== 0) this.#sink.event({ kind: 'propagate-limit' })
        for (const edge of visit.backEdges) markAllPrecise(precision, edge.state)
        return
      }
      let changed = false
      for (const edge of visit.backEdges) {
        if (propagatePrecision(precision, edge.state, edge.coveredBy)) changed = true
      }
      if (!changed) return
    }
  }

  #report(what: 'enter' | 'backedge' | 'exit', visit: Visit): void {
    if ((this.#sink.level & 2) === 0) return
    // A call site of 0 ends the list early in the kernel's text.
    const chain: number[] = []
    for (const site of visit.chain.slice(0, -1)) {
      if (site === 0) break
      chain.push(site)
    }
    chain.push(visit.chain[visit.chain.length - 1]!)
    this.#sink.event({ kind: 'scc', what, chain })
  }
}
