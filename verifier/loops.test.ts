import { describe, expect, test } from 'vitest'
import { IdMap } from './compare.ts'
import { ID, MASK_HI, PRECISE, RegType, TYPE } from './layout.ts'
import { earlierRound, widen } from './loops.ts'
import { isConst, makeConst, makeUnknown } from './scalar.ts'
import {
  type Checkpoint,
  growStack,
  makeCheckpoint,
  makeFrame,
  makeShared,
  makeState,
  registerAt,
  SlotKind,
  type State,
  slotAt,
} from './state.ts'
import { makePointer } from './walk-registers.ts'

function state(set: (words: Int32Array) => void = () => undefined): State {
  const made = makeState(makeShared(), 5, 0, true)
  set(made.frames[0]!.words)
  return made
}

const R6 = registerAt(6)

describe('widening', () => {
  test.each([
    ['what changed becomes unknown', 1, 2, 0, true],
    ['what is the same stays', 1, 1, 0, false],
    ['what was precise stays', 1, 2, 1, false],
  ])('%s', (_name, before, now, precise, widened) => {
    const old = state((w) => {
      makeConst(w, R6, before, 0)
      w[R6 + PRECISE] = precise
    })
    const current = state((w) => makeConst(w, R6, now, 0))
    widen(old, current, new IdMap())
    expect(isConst(current.frames[0]!.words, R6)).toBe(!widened)
    expect(current.frames[0]!.words[R6 + MASK_HI]).toBe(widened ? -1 : 0)
  })

  test('pointers stay', () => {
    const old = state((w) => makePointer(w, R6, RegType.CTX))
    const current = state((w) => makePointer(w, R6, RegType.STACK))
    widen(old, current, new IdMap())
    expect(current.frames[0]!.words[R6 + TYPE]).toBe(RegType.STACK)
  })

  test('a link that came with the round counts as a change', () => {
    const old = state((w) => makeUnknown(w, R6))
    const current = state((w) => {
      makeUnknown(w, R6)
      w[R6 + ID] = 3
    })
    widen(old, current, new IdMap())
    expect(current.frames[0]!.words[R6 + ID]).toBe(0)
  })

  test('saved registers too, where both states have one', () => {
    const [old, current] = [1, 2].map((value) => {
      const made = state()
      growStack(made.frames[0]!, 2)
      made.frames[0]!.kinds.fill(SlotKind.SPILL, 0, 16)
      makeConst(made.frames[0]!.words, slotAt(0), value, 0)
      makeConst(made.frames[0]!.words, slotAt(1), value, 0)
      return made
    }) as [State, State]
    old.frames[0]!.kinds.fill(SlotKind.MISC, 8, 16)
    widen(old, current, new IdMap())
    const { words } = current.frames[0]!
    expect([isConst(words, slotAt(0)), isConst(words, slotAt(1))]).toEqual([false, true])
  })
})

describe('the earlier round', () => {
  function checkpoint(fields: Partial<Checkpoint>): Checkpoint {
    return { ...makeCheckpoint(state()), dfsDepth: 1, ...fields }
  }

  test('is the newest open checkpoint of the instruction, higher up', () => {
    const found = checkpoint({ dfsDepth: 2 })
    const list = [
      checkpoint({ dfsDepth: 4 }),
      checkpoint({ slot: 6 }),
      checkpoint({ branches: 0 }),
      checkpoint({ frames: [makeFrame(0, -1, 0), makeFrame(1, 9, 1)] }),
      found,
      checkpoint({}),
    ]
    expect(earlierRound(state(), list, 4)).toBe(found)
    expect(earlierRound(state(), list, 1)).toBeUndefined()
  })
})
