import { describe, expect, test } from 'vitest'
import { build } from '../isa/instruction.ts'
import { rowNamed } from '../isa/table.ts'
import type { WalkEvent } from './events.ts'
import { PRECISE, RegType } from './layout.ts'
import { markAllPrecise, type Precision, propagatePrecision, requestRegister, Wanted } from './precision.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import {
  type Checkpoint,
  growStack,
  type HistoryEntry,
  makeCheckpoint,
  makeShared,
  makeState,
  registerAt,
  SlotKind,
  type State,
  slotAt,
} from './state.ts'
import { makePointer } from './walk-registers.ts'

/** A straight line that ends at the last instruction, where the request is made. */
const INSNS = [
  build(rowNamed('mov64_reg'), { dst: 2, src: 1 }), // 0: r2 = r1
  build(rowNamed('add64_reg'), { dst: 2, src: 3 }), // 1: r2 += r3
  build(rowNamed('stx_u64'), { dst: 10, src: 2, off: -8 }), // 2: *(fp-8) = r2
  build(rowNamed('ldx_u64'), { dst: 4, src: 10, off: -8 }), // 3: r4 = *(fp-8)
  build(rowNamed('mov64_imm'), { dst: 5, imm: 7 }), // 4: r5 = 7
  build(rowNamed('jgt64_reg'), { dst: 4, src: 6, off: 0 }), // 5: if r4 > r6
  build(rowNamed('exit')), // 6
]

function setUp(level = 0): { precision: Precision; events: WalkEvent[] } {
  const events: WalkEvent[] = []
  const precision: Precision = {
    insns: INSNS,
    sink: { level, event: (event) => events.push(event), position: () => 0, cut: () => undefined },
    isGlobal: () => false,
    callsCallback: () => false,
    isTailCall: () => false,
  }
  return { precision, events }
}

function entry(slot: number, older: HistoryEntry | undefined, fields: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    slot,
    previous: slot - 1,
    spillSlot: -1,
    spillFrame: 0,
    stackOperands: 0,
    linked: undefined,
    older,
    ...fields,
  }
}

/** A state at slot 6 whose checkpoint, at 0, has unknown scalars in r1 to r9 and in slot 0. */
function endOfLine(): { state: State; parent: Checkpoint } {
  const root = makeState(makeShared(), 0, 0, true)
  const frame = root.frames[0]!
  for (let n = 1; n < 10; n++) makeUnknown(frame.words, registerAt(n))
  growStack(frame, 1)
  frame.kinds.fill(SlotKind.SPILL, 0, 8)
  makeUnknown(frame.words, slotAt(0))
  const parent = makeCheckpoint(root)
  const spill = entry(2, undefined, { spillSlot: 0 })
  const state: State = {
    ...root,
    slot: 6,
    previous: 5,
    firstSlot: 0,
    parent,
    history: entry(3, spill, { spillSlot: 0 }),
  }
  return { state, parent }
}

function marked(checkpoint: Checkpoint): number[] {
  const { words } = checkpoint.frames[0]!
  return [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((n) => words[registerAt(n) + PRECISE] === 1)
}

describe('a request walks back', () => {
  test.each([
    ['a constant ends it', 5, []],
    ['a register never written is asked of the checkpoint', 9, [9]],
    ['through a move, a sum and a saved register', 4, [1, 3, 6]],
    ['a jump asks for both of what it compared', 6, [1, 3, 6]],
  ])('%s', (_name, register, expected) => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    requestRegister(precision, state, register)
    expect(marked(parent)).toEqual(expected)
  })

  test('nothing in the state itself is marked', () => {
    const { precision } = setUp()
    const { state } = endOfLine()
    requestRegister(precision, state, 9)
    expect(state.frames[0]!.words[registerAt(9) + PRECISE]).toBe(0)
  })

  test('without a note of the saved register the trail is lost at the load', () => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    state.history = undefined
    requestRegister(precision, state, 4)
    expect(marked(parent)).toEqual([6])
  })

  test('linked scalars are asked for together', () => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    const place = (index: number): { frame: number; spill: boolean; index: number } => ({
      frame: 0,
      spill: false,
      index,
    })
    state.history = entry(5, state.history, { linked: [place(8), place(9)] })
    requestRegister(precision, state, 9)
    expect(marked(parent)).toEqual([8, 9])
  })

  test('what is marked already, or no scalar, ends it there', () => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    const above = makeCheckpoint(endOfLine().state)
    parent.parent = above
    makePointer(parent.frames[0]!.words, registerAt(8), RegType.CTX)
    parent.frames[0]!.words[registerAt(9) + PRECISE] = 1
    requestRegister(precision, state, 8)
    requestRegister(precision, state, 9)
    expect(marked(above)).toEqual([])
  })

  test('each step is reported at level 2', () => {
    const { precision, events } = setUp(2)
    requestRegister(precision, endOfLine().state, 4)
    const slots = events.flatMap((event) => (event.kind === 'precise-step' ? [event.slot] : []))
    expect(slots).toEqual([5, 4, 3, 2, 1, 0])
    expect(events[0]).toEqual({ kind: 'precise-start', frame: 0, last: 6, first: 0, next: -1 })
    expect(events.filter((event) => event.kind === 'precise-parent').length).toBe(1)
  })
})

describe('marks pass on', () => {
  test('from a state to one that it covers', () => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    const old = makeCheckpoint(state)
    old.frames[0]!.words[registerAt(9) + PRECISE] = 1
    old.frames[0]!.words[slotAt(0) + PRECISE] = 1
    expect(propagatePrecision(precision, state, old)).toBe(true)
    // The slot was written on the way, from r2.
    expect(marked(parent)).toEqual([1, 3, 9])
    expect(propagatePrecision(precision, state, old)).toBe(false)
  })

  test('to everything above, when the trail is lost', () => {
    const { precision } = setUp()
    const { state, parent } = endOfLine()
    makeConst(parent.frames[0]!.words, registerAt(3), 1, 0)
    expect(markAllPrecise(precision, state)).toBe(true)
    expect(marked(parent)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(parent.frames[0]!.words[slotAt(0) + PRECISE]).toBe(1)
    expect(markAllPrecise(precision, state)).toBe(false)
  })
})

describe('what is wanted', () => {
  test('registers and slots of each frame, to slot 63', () => {
    const wanted = new Wanted(1)
    expect(wanted.isEmpty()).toBe(true)
    wanted.addRegister(3)
    wanted.addSlot(63, 0)
    expect([wanted.hasRegister(3), wanted.hasSlot(63, 0), wanted.hasSlot(31, 0), wanted.hasSlot(63, 1)]).toEqual([
      true,
      true,
      false,
      false,
    ])
    wanted.dropSlot(63, 0)
    wanted.dropRegister(3)
    expect(wanted.isEmpty()).toBe(true)
  })
})
