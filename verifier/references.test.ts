import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rejection } from './errors.ts'
import { ID, REF_OBJ_ID, RegType, TYPE, TypeFlag } from './layout.ts'
import { acquire, acquireResult, checkNothingHeld, eachRegister, leaveRcuSection, release } from './references.ts'
import {
  growStack,
  makeFrame,
  makeShared,
  makeState,
  registerAt,
  SLOT_SIZE,
  SlotKind,
  type State,
  slotAt,
} from './state.ts'
import { makePointer } from './walk-registers.ts'

const OBJECT = RegType.BTF_ID | TypeFlag.ALLOC

function made(): State {
  const state = makeState(makeShared(), 3, 0, true)
  state.frames.push(makeFrame(1, 2, 1))
  return state
}

/** Register or saved register at `at` of a frame becomes a pointer that belongs to `reference`. */
function put(state: State, frame: number, at: number, reference: number, type: number = OBJECT): void {
  const { words } = state.frames[frame]!
  makePointer(words, at, type)
  words[at + REF_OBJ_ID] = reference
}

function spillOf(state: State, frame: number, slot: number, reference: number): number {
  growStack(state.frames[frame]!, slot + 1)
  state.frames[frame]!.kinds.fill(SlotKind.SPILL, slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE)
  put(state, frame, slotAt(slot), reference)
  return slotAt(slot)
}

/** Message of the refusal, in lines. */
function refusal(state: State): string[] {
  try {
    checkNothingHeld(state, 'BPF_EXIT instruction in main prog')
    return []
  } catch (error) {
    if (error instanceof Rejection) return error.message.split('\n')
    throw error
  }
}

describe('references', () => {
  test('acquired with the instruction that did it', () => {
    const state = made()
    expect([acquire(state, 'pointer'), acquire(state, 'irq')]).toEqual([1, 2])
    expect([...state.references].map(({ kind, id, insn }) => [kind, id, insn])).toEqual([
      ['pointer', 1, 3],
      ['irq', 2, 3],
    ])
  })

  test('a result that may be null is known by the id of its reference', () => {
    const state = made()
    const { words } = state.frames[1]!
    makePointer(words, registerAt(0), OBJECT | TypeFlag.MAYBE_NULL)
    acquireResult(state)
    expect([words[registerAt(0) + REF_OBJ_ID], words[registerAt(0) + ID]]).toEqual([1, 1])
  })

  test('released, every copy is a number: in callers and on stacks too', () => {
    const state = made()
    const ids = [acquire(state, 'pointer'), acquire(state, 'pointer')] as const
    put(state, 0, registerAt(6), ids[0])
    put(state, 1, registerAt(1), ids[0])
    put(state, 1, registerAt(2), ids[1])
    const saved = spillOf(state, 0, 4, ids[0])
    release(state, ids[0])
    expect([...state.references].map(({ id }) => id)).toEqual([ids[1]])
    expect(state.frames[0]!.words[registerAt(6) + TYPE]).toBe(RegType.SCALAR)
    expect(state.frames[1]!.words[registerAt(1) + TYPE]).toBe(RegType.SCALAR)
    expect(state.frames[0]!.words[saved + TYPE]).toBe(RegType.SCALAR)
    expect(state.frames[1]!.words[registerAt(2) + TYPE]).toBe(OBJECT)
  })

  test('no register belongs to what was released, whatever the order', () => {
    const places = fc.array(fc.tuple(fc.nat(1), fc.nat(9), fc.nat(4)), { maxLength: 20 })
    fc.assert(
      fc.property(places, fc.array(fc.nat(4), { maxLength: 5 }), (pointers, released) => {
        const state = made()
        const ids = Array.from({ length: 5 }, () => acquire(state, 'pointer'))
        for (const [frame, n, id] of pointers) put(state, frame, registerAt(n), ids[id]!)
        for (const id of released) release(state, ids[id]!)
        const held = new Set([...state.references].map(({ id }) => id))
        eachRegister(state, (words, at) => {
          if (words[at + REF_OBJ_ID] !== 0) expect(held.has(words[at + REF_OBJ_ID]!)).toBe(true)
        })
        expect(held.size).toBe(5 - new Set(released).size)
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 100 : 1000 },
    )
  })
})

describe('where the program may end', () => {
  const alone = (change: (state: State) => void): string[] => {
    const state = makeState(makeShared(), 5, 0, true)
    change(state)
    return refusal(state)
  }
  const END = 'BPF_EXIT instruction in main prog'

  test('a line for each reference, in order', () => {
    const lines = alone((state) => {
      acquire(state, 'pointer')
      acquire(state, 'irq')
      state.slot = 9
      acquire(state, 'pointer')
    })
    expect(lines).toEqual([
      'Unreleased reference id=1 alloc_insn=5',
      'Unreleased reference id=3 alloc_insn=9',
      `${END} would lead to reference leak`,
    ])
  })

  test.each<[string, (state: State) => void]>([
    ['bpf_spin_lock', (state) => Object.assign(state, { activeLocks: 1, activeRcuLock: true })],
    ['bpf_local_irq_save', (state) => Object.assign(state, { activeIrqId: 1, activeRcuLock: true })],
    ['bpf_rcu_read_lock', (state) => Object.assign(state, { activeRcuLock: true, activePreemptLocks: 1 })],
    ['bpf_preempt_disable', (state) => Object.assign(state, { activePreemptLocks: 2 })],
  ])('inside %s', (region, change) => {
    expect(alone(change)).toEqual([`${END} cannot be used inside ${region}-ed region`])
  })

  test('with nothing held', () => expect(alone(() => undefined)).toEqual([]))

  test('in a function only sections count', () => {
    const state = made()
    acquire(state, 'pointer')
    expect(refusal(state)).toEqual([])
  })
})

test('behind an RCU section what it kept alive may be gone', () => {
  const state = made()
  put(state, 0, registerAt(6), 0, OBJECT | TypeFlag.RCU | TypeFlag.MAYBE_NULL)
  put(state, 1, registerAt(7), 1, OBJECT)
  state.activeRcuLock = true
  leaveRcuSection(state)
  expect(state.activeRcuLock).toBe(false)
  expect(state.frames[0]!.words[registerAt(6) + TYPE]).toBe(OBJECT | TypeFlag.UNTRUSTED)
  expect(state.frames[1]!.words[registerAt(7) + TYPE]).toBe(OBJECT)
})
