import { describe, expect, test } from 'vitest'
import { PRECISE, RegType, TYPE } from './layout.ts'
import { makeConst } from './scalar.ts'
import {
  clearPrecise,
  clearScratch,
  copyState,
  growStack,
  isFullSpill,
  isSpilled,
  makeCheckpoint,
  makeFrame,
  makeShared,
  makeState,
  newId,
  registerAt,
  SlotKind,
  slotAt,
  slotTouched,
  touchRegister,
  touchSlot,
} from './state.ts'

describe('a copy', () => {
  test('changes on its own, and shares ids and history', () => {
    const state = makeState(makeShared(), 0, 0, true)
    const frame = state.frames[0]!
    growStack(frame, 2)
    frame.kinds.fill(SlotKind.MISC, 0, 16)
    makeConst(frame.words, registerAt(3), 5, 0)
    const copy = copyState(state)
    makeConst(copy.frames[0]!.words, registerAt(3), 6, 0)
    copy.frames[0]!.kinds[0] = SlotKind.ZERO
    copy.frames.push(makeFrame(1, 4, 0))
    expect(frame.words[registerAt(3) + 6]).toBe(5)
    expect(frame.kinds[0]).toBe(SlotKind.MISC)
    expect(state.frames.length).toBe(1)
    expect(newId(copy)).toBe(1)
    expect(newId(state)).toBe(2)
  })

  test('of a stack that was grown keeps what was in it', () => {
    const state = makeState(makeShared(), 0, 0, true)
    const frame = state.frames[0]!
    for (let slots = 1; slots <= 64; slots++) {
      growStack(frame, slots)
      frame.words[slotAt(slots - 1) + TYPE] = slots
    }
    growStack(frame, 3)
    const copy = copyState(state).frames[0]!
    expect(copy.slots).toBe(64)
    for (let n = 0; n < 64; n++) expect(copy.words[slotAt(n) + TYPE]).toBe(n + 1)
  })

  test('as a checkpoint has one open path', () => {
    const checkpoint = makeCheckpoint(makeState(makeShared(), 7, 0, true))
    expect([checkpoint.branches, checkpoint.slot, checkpoint.cleaned]).toEqual([1, 7, false])
  })
})

describe('slots', () => {
  test.each([
    [[1, 1, 1, 1, 1, 1, 1, 1], true, true],
    [[0, 0, 0, 0, 1, 1, 1, 1], true, false],
    [[2, 2, 2, 2, 2, 2, 2, 2], false, false],
    [[1, 1, 1, 1, 1, 1, 1, 2], false, false],
  ])('%j', (kinds, spilled, full) => {
    const frame = makeFrame(0, -1, 0)
    growStack(frame, 1)
    frame.kinds.set(kinds)
    expect([isSpilled(frame, 0), isFullSpill(frame, 0)]).toEqual([spilled, full])
  })
})

describe('marks', () => {
  test('precise ones are taken back everywhere', () => {
    const state = makeState(makeShared(), 0, 0, true)
    const frame = state.frames[0]!
    growStack(frame, 1)
    for (const at of [registerAt(0), slotAt(0)]) {
      makeConst(frame.words, at, 1, 0)
      frame.words[at + PRECISE] = 1
    }
    clearPrecise(state)
    expect([frame.words[registerAt(0) + PRECISE], frame.words[slotAt(0) + PRECISE]]).toEqual([0, 0])
    expect(frame.words[registerAt(0) + TYPE]).toBe(RegType.SCALAR)
  })

  test('touched registers and slots, the 33rd and on too', () => {
    const state = makeState(makeShared(), 0, 0, true)
    touchRegister(state, 10)
    for (const n of [0, 31, 32, 63]) touchSlot(state, n)
    const { scratch } = state.shared
    expect(scratch.registers).toBe(1 << 10)
    expect([0, 1, 31, 32, 33, 63].map((n) => slotTouched(scratch, n))).toEqual([true, false, true, true, false, true])
    clearScratch(scratch)
    expect(slotTouched(scratch, 63)).toBe(false)
  })
})
