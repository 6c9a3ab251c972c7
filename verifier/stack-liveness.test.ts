import { describe, expect, test } from 'vitest'
import type { WalkEvent } from './events.ts'
import { type Flow, StackLiveness } from './stack-liveness.ts'
import { makeFrame, makeShared, makeState, type State } from './state.ts'

/**
 * Two functions:
 *
 *     0 -> 1 -> 2 -> 3        1 may also go to 3; 2 calls the function at 4
 *     4 -> 5
 */
const EDGES: readonly (readonly number[])[] = [[1], [2, 3], [3], [], [5], []]

const flow: Flow = {
  shape: (n) => (n === 0 ? { start: 0, end: 4, postorder: [3, 2, 1, 0] } : { start: 4, end: 6, postorder: [5, 4] }),
  successors: (slot) => EDGES[slot]!,
  isPrunePoint: () => false,
  callsCallback: () => false,
}

function main(slot: number): State {
  return makeState(makeShared(), slot, 0, true)
}

function inCallee(slot: number): State {
  const state = main(slot)
  state.frames.push(makeFrame(1, 2, 1))
  return state
}

/** An instruction at `slot` that reads and overwrites slots of frames. */
function walk(
  liveness: StackLiveness,
  state: State,
  does: { reads?: [number, number][]; writes?: [number, number][] },
): void {
  liveness.begin()
  for (const [frame, n] of does.reads ?? []) liveness.read(state, frame, 1 << n, 0)
  for (const [frame, n] of does.writes ?? []) liveness.write(frame, n)
  liveness.commit(state, state.slot)
}

function liveAt(liveness: StackLiveness, slot: number): number {
  return liveness.live(main(slot), 0).low
}

describe('inside one function', () => {
  test('a slot is live from its writing to its reading', () => {
    const liveness = new StackLiveness(flow, undefined)
    walk(liveness, main(0), { writes: [[0, 0]] })
    walk(liveness, main(1), {})
    walk(liveness, main(2), { reads: [[0, 0]] })
    walk(liveness, main(3), {})
    liveness.update(main(3))
    expect([0, 1, 2, 3].map((slot) => liveAt(liveness, slot))).toEqual([0, 1, 1, 0])
  })

  test('what only one walk overwrote is not surely overwritten', () => {
    const liveness = new StackLiveness(flow, undefined)
    walk(liveness, main(1), { writes: [[0, 3]] })
    walk(liveness, main(2), { reads: [[0, 3]] })
    liveness.update(main(3))
    expect(liveAt(liveness, 1)).toBe(0)
    walk(liveness, main(1), {})
    liveness.update(main(3))
    expect(liveAt(liveness, 1)).toBe(8)
    expect(liveAt(liveness, 0)).toBe(8)
  })

  test('nothing is known of what was not walked', () => {
    const liveness = new StackLiveness(flow, undefined)
    liveness.update(main(3))
    expect(liveAt(liveness, 0)).toBe(0)
  })

  test('slots beyond the 32nd', () => {
    const liveness = new StackLiveness(flow, undefined)
    liveness.begin()
    liveness.write(0, 40)
    liveness.commit(main(0), 0)
    liveness.read(main(2), 0, 0, 1 << 8)
    liveness.update(main(3))
    expect(liveness.live(main(1), 0)).toEqual({ low: 0, high: 1 << 8 })
    expect(liveness.live(main(0), 0)).toEqual({ low: 0, high: 0 })
  })
})

describe('through a call', () => {
  test("the callee's reads of the caller's slots become the call's", () => {
    const liveness = new StackLiveness(flow, undefined)
    walk(liveness, main(0), {})
    walk(liveness, inCallee(4), { reads: [[0, 1]] })
    liveness.update(inCallee(5))
    liveness.update(main(3))
    expect([0, 1, 2, 3].map((slot) => liveAt(liveness, slot))).toEqual([2, 2, 2, 0])
  })

  test('and what it overwrites on every way kills the slot before the call', () => {
    const liveness = new StackLiveness(flow, undefined)
    walk(liveness, inCallee(4), { writes: [[0, 1]] })
    walk(liveness, inCallee(5), {})
    walk(liveness, main(3), {})
    liveness.read(main(3), 0, 2, 0)
    liveness.update(inCallee(5))
    liveness.update(main(3))
    // Slot 3 ends the function, so nothing is live there; the way past the call reaches it as well.
    expect(liveAt(liveness, 2)).toBe(0)
  })

  test('each call chain has masks of its own', () => {
    const liveness = new StackLiveness(flow, undefined)
    const other = main(4)
    other.frames.push(makeFrame(1, 0, 1))
    walk(liveness, inCallee(4), { reads: [[1, 0]] })
    liveness.update(inCallee(5))
    expect(liveness.live(inCallee(4), 1).low).toBe(1)
    expect(liveness.live(other, 1).low).toBe(0)
  })

  test("slots of the caller count at the call, the callee's not", () => {
    const liveness = new StackLiveness(flow, undefined)
    walk(liveness, inCallee(4), { reads: [[1, 5]] })
    liveness.update(inCallee(5))
    expect(liveness.live(inCallee(4), 0).low).toBe(0)
  })
})

describe('the report', () => {
  test('says what came and what went, and how many rounds it took', () => {
    const events: WalkEvent[] = []
    const liveness = new StackLiveness(flow, (event) => events.push(event))
    walk(liveness, main(0), {})
    walk(liveness, main(1), { reads: [[0, 2]] })
    liveness.update(main(3))
    const lines = events.map((event) =>
      event.kind === 'stack-liveness' ? `${event.slot} ${event.what} +${event.added.slotsLow}` : event.kind,
    )
    expect(lines).toEqual(['1 live +4', '0 live +4', 'stack-liveness-done'])
    expect(events.at(-1)).toMatchObject({ chain: [0], iterations: 2 })
    liveness.update(main(3))
    expect(events.length).toBe(3)
  })
})
