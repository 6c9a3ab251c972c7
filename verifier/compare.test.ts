import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IdMap, Mode, registerCovered, sameRegisters, stateCovered } from './compare.ts'
import { FRAME, ID, LINK, MAP, MEM_SIZE, OFF, PRECISE, RANGE, REG_WORDS, RegType, TypeFlag } from './layout.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import { copyState, growStack, makeShared, makeState, registerAt, SlotKind, type State, slotAt } from './state.ts'
import { transfer } from './transfer.ts'
import { makePointer } from './walk-registers.ts'

const { NOT_EXACT, RANGE_WITHIN, EXACT } = Mode
const RUNS = process.env.HARENA_LONG === undefined ? 200 : 2000

describe('ids', () => {
  test('are renamed one to one', () => {
    const ids = new IdMap()
    ids.reset(100)
    expect(ids.pair(1, 7)).toBe(true)
    expect(ids.pair(1, 7)).toBe(true)
    expect(ids.pair(1, 8)).toBe(false)
    expect(ids.pair(2, 7)).toBe(false)
    expect(ids.pair(0, 0)).toBe(true)
    expect(ids.pair(0, 3)).toBe(false)
    expect(ids.pair(3, 0)).toBe(false)
  })

  test('an unlinked current scalar gets one of its own each time', () => {
    const ids = new IdMap()
    ids.reset(100)
    expect(ids.pairScalar(0, 5)).toBe(true)
    expect(ids.pairScalar(1, 0)).toBe(true)
    expect(ids.pairScalar(1, 0)).toBe(false)
  })

  test('many pairs fit', () => {
    const ids = new IdMap()
    ids.reset(0)
    for (let i = 1; i < 500; i++) expect(ids.pair(i, 1000 + i)).toBe(true)
    expect(ids.pair(499, 1499)).toBe(true)
    expect(ids.pair(499, 1498)).toBe(false)
  })

  test('a pair once made holds, whatever comes after', () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })))
    fc.assert(
      fc.property(pairs, (list) => {
        const ids = new IdMap()
        ids.reset(50)
        const there = new Map<number, number>()
        const back = new Map<number, number>()
        for (const [a, b] of list) {
          const fits = there.has(a) ? there.get(a) === b : !back.has(b)
          expect(ids.pair(a, b)).toBe(fits)
          if (fits) {
            there.set(a, b)
            back.set(b, a)
          }
        }
      }),
      { numRuns: RUNS },
    )
  })
})

/** A register made by `set` at index 0. */
function register(set: (words: Int32Array) => void): Int32Array {
  const words = new Int32Array(REG_WORDS)
  set(words)
  return words
}

const unset = register(() => undefined)
const unknown = register((w) => makeUnknown(w, 0))
const precise = register((w) => {
  makeUnknown(w, 0)
  w[PRECISE] = 1
})
const seven = register((w) => makeConst(w, 0, 7, 0))
const preciseSeven = register((w) => {
  makeConst(w, 0, 7, 0)
  w[PRECISE] = 1
})
const eight = register((w) => makeConst(w, 0, 8, 0))
const byte = register((w) => {
  makeUnknown(w, 0)
  transfer.truncateTo(w, 0, 1)
  w[PRECISE] = 1
})

/** A pointer whose words of these indices have these values. */
function pointer(type: number, fields: Readonly<Record<number, number>> = {}): Int32Array {
  return register((w) => {
    makePointer(w, 0, type)
    for (const [word, value] of Object.entries(fields)) w[Number(word)] = value
  })
}

const linked = (id: number, link = 0, off = 0): Int32Array =>
  register((w) => {
    makeUnknown(w, 0)
    w[PRECISE] = 1
    w[ID] = id
    w[LINK] = link
    w[OFF] = off
  })

describe('one register covers another', () => {
  const value = pointer(RegType.MAP_VALUE, { [MAP]: 1 })
  test.each([
    ['unset covers anything in a finished state', unset, seven, NOT_EXACT, true],
    ['unset covers only unset in an open loop', unset, seven, RANGE_WITHIN, false],
    ['imprecise covers any scalar', seven, eight, NOT_EXACT, true],
    ['... but no pointer', seven, pointer(RegType.CTX), NOT_EXACT, false],
    ['precise covers its own values', preciseSeven, eight, NOT_EXACT, false],
    ['precise and unknown covers every scalar', precise, eight, NOT_EXACT, true],
    ['a byte covers 7', byte, seven, NOT_EXACT, true],
    ['7 does not cover a byte', preciseSeven, byte, NOT_EXACT, false],
    ['in an open loop marks do not count', seven, eight, RANGE_WITHIN, false],
    ['in an open loop ranges do', unknown, eight, RANGE_WITHIN, true],
    ['exactly: not even a smaller range', unknown, eight, EXACT, false],
    ['exactly: the same', seven, seven, EXACT, true],
    ['exactly: marks do not count', seven, preciseSeven, EXACT, true],
    ['arena covers arena', pointer(RegType.ARENA), pointer(RegType.ARENA), NOT_EXACT, true],
    ['null or not is another type', pointer(RegType.MAP_VALUE | TypeFlag.MAYBE_NULL), value, NOT_EXACT, false],
    ['a map value of the same map', value, value, NOT_EXACT, true],
    ['... of another map', value, pointer(RegType.MAP_VALUE, { [MAP]: 2 }), NOT_EXACT, false],
    ['... at another offset', value, pointer(RegType.MAP_VALUE, { [MAP]: 1, [OFF]: 8 }), NOT_EXACT, false],
    ['memory of another size', pointer(RegType.MEM), pointer(RegType.MEM, { [MEM_SIZE]: 8 }), NOT_EXACT, false],
    [
      'a stack pointer of another frame',
      pointer(RegType.STACK),
      pointer(RegType.STACK, { [FRAME]: 1 }),
      NOT_EXACT,
      false,
    ],
    ['... which EXACT does not look at', pointer(RegType.STACK), pointer(RegType.STACK, { [FRAME]: 1 }), EXACT, true],
    [
      'a longer packet',
      pointer(RegType.PACKET, { [RANGE]: 4 }),
      pointer(RegType.PACKET, { [RANGE]: 9 }),
      NOT_EXACT,
      true,
    ],
    [
      'a shorter packet',
      pointer(RegType.PACKET, { [RANGE]: 9 }),
      pointer(RegType.PACKET, { [RANGE]: 4 }),
      NOT_EXACT,
      false,
    ],
    [
      'beyond its end',
      pointer(RegType.PACKET, { [RANGE]: -2 }),
      pointer(RegType.PACKET, { [RANGE]: 4 }),
      NOT_EXACT,
      false,
    ],
    ['unlinked covers linked', linked(0), linked(5), NOT_EXACT, true],
    ['linked by a sum: other constant', linked(1, 64, 4), linked(2, 64, 5), NOT_EXACT, false],
    ['linked by a sum: same constant', linked(1, 64, 4), linked(2, 64, 4), NOT_EXACT, true],
    ['linked by a sum of other width', linked(1, 64, 4), linked(2, 32, 4), NOT_EXACT, false],
  ] as const)('%s', (_name, old, current, mode, covers) => {
    const ids = new IdMap()
    ids.reset(1000)
    expect(registerCovered(old, 0, current, 0, mode, ids)).toBe(covers)
  })
})

function state(change: (state: State) => void = () => undefined): State {
  const made = makeState(makeShared(), 3, 0, true)
  made.shared.lastId = 20
  makePointer(made.frames[0]!.words, registerAt(10), RegType.STACK)
  change(made)
  return made
}

function withRegisters(values: readonly Int32Array[]): State {
  return state(({ frames }) => {
    for (const [n, words] of values.entries()) frames[0]!.words.set(words, registerAt(n))
  })
}

function holding(state: State): void {
  state.references = state.references.add({ kind: 'pointer', id: 4, insn: 1, owner: undefined })
}

const ALL = [0, 0, 0, 0x7ff]

function covers(old: State, current: State, mode: Mode, live: readonly number[] = ALL): boolean {
  return stateCovered(old, current, mode, live, new IdMap())
}

/** Slot 0 holds bytes of these kinds, highest address first. */
function bytes(...kinds: SlotKind[]): (state: State) => void {
  return ({ frames }) => {
    growStack(frames[0]!, 1)
    frames[0]!.kinds.set(kinds)
  }
}

function spilled(set: (words: Int32Array, at: number) => void): (state: State) => void {
  return ({ frames }) => {
    growStack(frames[0]!, 1)
    frames[0]!.kinds.fill(SlotKind.SPILL, 0, 8)
    set(frames[0]!.words, slotAt(0))
  }
}

describe('one state covers another', () => {
  const { INVALID, MISC, ZERO, SPILL } = SlotKind
  const misc = bytes(MISC, MISC, MISC, MISC, MISC, MISC, MISC, MISC)
  const zero = bytes(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
  const half = bytes(INVALID, INVALID, INVALID, INVALID, MISC, MISC, MISC, MISC)
  const constant = spilled((w, at) => makeConst(w, at, 7, 0))
  const exact = spilled((w, at) => {
    makeConst(w, at, 7, 0)
    w[at + PRECISE] = 1
  })
  test.each([
    ['no stack covers any', state(), state(misc), NOT_EXACT, true],
    ['bytes of no interest cover no stack', state(misc), state(), NOT_EXACT, true],
    ['... but not in an open loop', state(misc), state(), RANGE_WITHIN, false],
    ['zero bytes want zero bytes', state(zero), state(misc), NOT_EXACT, false],
    ['unknown bytes take zero bytes', state(misc), state(zero), NOT_EXACT, true],
    ['an imprecise saved scalar takes unknown bytes', state(constant), state(misc), NOT_EXACT, true],
    ['a precise one does not', state(exact), state(misc), NOT_EXACT, false],
    [
      'a saved pointer wants that pointer',
      state(spilled((w, at) => makePointer(w, at, RegType.CTX))),
      state(constant),
      NOT_EXACT,
      false,
    ],
    ['half a slot', state(half), state(misc), NOT_EXACT, true],
    [
      'part of a saved register',
      state(bytes(INVALID, INVALID, INVALID, INVALID, SPILL, SPILL, SPILL, SPILL)),
      state(misc),
      NOT_EXACT,
      false,
    ],
    ['more references', state(holding), state(), NOT_EXACT, false],
    [
      'a callback further on',
      state((s) => {
        s.frames[0]!.callbackDepth = 2
      }),
      state(),
      NOT_EXACT,
      false,
    ],
    [
      'walked on suspicion only',
      state((s) => {
        s.speculative = true
      }),
      state(),
      NOT_EXACT,
      false,
    ],
    [
      'RCU section',
      state((s) => {
        s.activeRcuLock = true
      }),
      state(),
      NOT_EXACT,
      false,
    ],
  ] as const)('%s', (_name, old, current, mode, result) => {
    expect(covers(old, current, mode)).toBe(result)
  })

  test('dead registers do not count', () => {
    const old = state((s) => makePointer(s.frames[0]!.words, registerAt(3), RegType.CTX))
    expect(covers(old, state(), NOT_EXACT)).toBe(false)
    expect(covers(old, state(), NOT_EXACT, [0, 0, 0, 0x7ff & ~8])).toBe(true)
  })

  test('dead registers do count for the endless-loop test', () => {
    const old = state((s) => makeConst(s.frames[0]!.words, registerAt(3), 1, 0))
    const current = state((s) => makeConst(s.frames[0]!.words, registerAt(3), 2, 0))
    expect(sameRegisters(old, current)).toBe(false)
    expect(sameRegisters(old, copyState(old))).toBe(true)
  })

  test('every state covers its copy, in every mode', () => {
    const value = fc.constantFrom(
      unset,
      unknown,
      precise,
      seven,
      byte,
      linked(3),
      linked(3, 64, 2),
      pointer(RegType.ARENA),
    )
    fc.assert(
      fc.property(fc.array(value, { minLength: 8, maxLength: 8 }), fc.constantFrom(0, 1, 2), (values, mode) => {
        const old = withRegisters(values)
        expect(covers(old, copyState(old), mode as Mode)).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })

  test('what EXACT takes RANGE_WITHIN takes, and what that takes NOT_EXACT takes', () => {
    const value = fc.constantFrom(unset, unknown, precise, seven, preciseSeven, eight, byte, pointer(RegType.CTX))
    const four = fc.array(value, { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(four, four, (a, b) => {
        const old = withRegisters(a)
        const current = withRegisters(b)
        if (covers(old, current, EXACT)) expect(covers(old, current, RANGE_WITHIN)).toBe(true)
        if (covers(old, current, RANGE_WITHIN)) expect(covers(old, current, NOT_EXACT)).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })
})
