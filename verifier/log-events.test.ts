import { describe, expect, test } from 'vitest'
import type { MapInfo } from '../program/loadable.ts'
import { failure } from './errors.ts'
import type { PlaceSet, WalkEvent } from './events.ts'
import { FRAME, MAP, OFF, PRECISE, RegType, TYPE } from './layout.ts'
import { LogBuffer } from './log.ts'
import { type TextNames, textSink, writeFailure } from './log-events.ts'
import { ReferenceList } from './reference-list.ts'
import { makeConst, makeUnknown } from './scalar.ts'
import {
  clearScratch,
  type Frame,
  growStack,
  makeFrame,
  makeShared,
  makeState,
  registerAt,
  SlotKind,
  type State,
  slotAt,
  touchRegister,
  touchSlot,
} from './state.ts'

const TEXTS: Readonly<Record<number, string>> = {
  0: '(85) call bpf_get_prandom_u32#7',
  1: '(95) exit',
  3: '(85) call pc+1',
  11: '(25) if r2 > 0x27 goto pc+3',
}

const NAMES: TextNames = {
  maps: [{ name: 'hm', keySize: 4, valueSize: 64 } as MapInfo],
  structName: () => 'task_struct',
  instructionText: (slot) => TEXTS[slot] ?? `text ${slot}`,
}

/** The text that `events` give at `level`. */
function text(events: readonly WalkEvent[], level = 2, names = NAMES): string {
  const log = new LogBuffer(level)
  const sink = textSink(log, names)
  for (const event of events) sink.event(event)
  return log.text()
}

function pointer(frame: Frame, n: number, type: RegType, off = 0, into = 0): void {
  const at = registerAt(n)
  makeConst(frame.words, at, 0, 0)
  frame.words[at + TYPE] = type
  frame.words[at + OFF] = off
  frame.words[at + FRAME] = into
}

/** Frame 0 as at the start of a program. */
function entry(): State {
  const state = makeState(makeShared(), 0, 0, true)
  pointer(state.frames[0]!, 1, RegType.CTX)
  pointer(state.frames[0]!, 10, RegType.STACK)
  return state
}

function places(registers: readonly number[], slots: readonly number[] = []): PlaceSet {
  const mask = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum | (1 << n), 0)
  return {
    registers: mask(registers),
    slotsLow: mask(slots.filter((n) => n < 32)),
    slotsHigh: mask(slots.filter((n) => n >= 32).map((n) => n - 32)),
  }
}

function fillSlot(frame: Frame, slot: number, kinds: string): void {
  growStack(frame, slot + 1)
  const letters: Readonly<Record<string, SlotKind>> = {
    '?': SlotKind.INVALID,
    r: SlotKind.SPILL,
    m: SlotKind.MISC,
    '0': SlotKind.ZERO,
  }
  for (let k = 0; k < 8; k++) frame.kinds[8 * slot + k] = letters[kinds[k]!]!
}

describe('states', () => {
  test('in full, at a pending path', () => {
    const state = entry()
    makeConst(state.frames[0]!.words, registerAt(0), 0, 0)
    const event = { kind: 'resume', from: 1, to: 4, state } as const
    expect(text([{ ...event, speculative: false }])).toBe('\nfrom 1 to 4: R0=0 R1=ctx() R10=fp0\n')
    expect(text([{ ...event, speculative: true }])).toBe(
      '\nfrom 1 to 4 (speculative execution): R0=0 R1=ctx() R10=fp0\n',
    )
  })

  test('touched registers behind the instruction', () => {
    const state = entry()
    makeUnknown(state.frames[0]!.words, registerAt(0))
    touchRegister(state, 0)
    const events: WalkEvent[] = [
      { kind: 'instruction', slot: 0 },
      { kind: 'delta', slot: 1, state },
      { kind: 'instruction', slot: 1 },
    ]
    expect(text(events)).toBe('0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()\n1: (95) exit\n')
  })

  test('touched registers that are all unset', () => {
    const state = entry()
    touchRegister(state, 5)
    const events: WalkEvent[] = [
      { kind: 'instruction', slot: 3 },
      { kind: 'delta', slot: 4, state },
    ]
    expect(text(events)).toBe('3: (85) call pc+1                     ;\n')
    expect(text(events.slice(1))).toBe('4:\n')
  })

  test.each([
    ['mmmm????', 'fp-8=mmmm????'],
    ['m0??????', 'fp-8=m0??????'],
    ['????rrrr', 'fp-8=????7'],
    ['rrrrrrrr', 'fp-8=7'],
    ['0000rrrr', 'fp-8=00007'],
    ['mrrrrrrm', 'fp-8=mrrrrrrm'],
    ['????????', ''],
  ])('slot of bytes %s', (kinds, expected) => {
    const state = entry()
    const frame = state.frames[0]!
    fillSlot(frame, 0, kinds)
    makeConst(frame.words, slotAt(0), 7, 0)
    clearScratch(state.shared.scratch)
    touchSlot(state, 0)
    expect(text([{ kind: 'delta', slot: 9, state }])).toBe(expected === '' ? '9:\n' : `9: ${expected}\n`)
  })

  test('slots, references and callback marks come behind the registers', () => {
    const state = entry()
    const frame = state.frames[0]!
    fillSlot(frame, 1, 'mmmmmmmm')
    fillSlot(frame, 40, '00000000')
    const held = [1, 3].map((id) => ({ kind: 'pointer', id, insn: 0, owner: undefined }) as const)
    for (const reference of held) state.references = state.references.add(reference)
    frame.inCallback = true
    expect(text([{ kind: 'resume', from: 7, to: 10, speculative: false, state }])).toBe(
      '\nfrom 7 to 10: R1=ctx() R10=fp0 fp-16=mmmmmmmm fp-328=00000000 refs=1,3 cb\n',
    )
    frame.inCallback = false
    frame.inAsyncCallback = true
    state.references = ReferenceList.EMPTY.add({ kind: 'lock', id: 0, insn: 0, owner: undefined })
    for (const reference of held) state.references = state.references.add(reference)
    expect(text([{ kind: 'resume', from: 7, to: 10, speculative: false, state }])).toMatch(/=00000000 async_cb\n$/)
  })
})

describe('calls', () => {
  function called(): State {
    const state = entry()
    const caller = state.frames[0]!
    caller.words[registerAt(1) + TYPE] = RegType.NOT_INIT
    fillSlot(caller, 0, 'rrrrrrrr')
    makeConst(caller.words, slotAt(0), 5, 0)
    const callee = makeFrame(1, 3, 1)
    pointer(callee, 1, RegType.STACK, -8, 0)
    pointer(callee, 10, RegType.STACK, 0, 1)
    state.frames.push(callee)
    return state
  }

  test('entry and return', () => {
    const state = called()
    const [caller, callee] = [state.frames[0]!, state.frames[1]!]
    expect(text([{ kind: 'enter', state, caller, callee }])).toBe(
      'caller:\n R10=fp0 fp-8=5\ncallee:\n frame1: R1=fp[0]-8 R10=fp0\n',
    )
    expect(text([{ kind: 'leave', state, caller, callee, to: 4 }])).toBe(
      'returning from callee:\n frame1: R1=fp[0]-8 R10=fp0\nto caller at 4:\n R10=fp0 fp-8=5\n',
    )
  })

  test('a delta in a callee begins with its number', () => {
    const state = called()
    touchRegister(state, 1)
    const events: WalkEvent[] = [
      { kind: 'instruction', slot: 3 },
      { kind: 'delta', slot: 5, state },
    ]
    expect(text(events)).toBe('3: (85) call pc+1                     ; frame1: R1=fp[0]-8\n')
  })
})

describe('other lines', () => {
  test.each<[string, WalkEvent]>([
    ['17: safe\n', { kind: 'safe', slot: 17, from: undefined, speculative: false }],
    ['\nfrom 11 to 13: safe\n', { kind: 'safe', slot: 13, from: 11, speculative: false }],
    [
      'mark_precise: frame0: last_idx 12 first_idx 11 subseq_idx -1 \n',
      { kind: 'precise-start', frame: 0, last: 12, first: 11, next: -1 },
    ],
    [
      'mark_precise: frame0: regs=r2 stack= before 11: (25) if r2 > 0x27 goto pc+3\n',
      { kind: 'precise-step', frame: 0, places: places([2]), slot: 11 },
    ],
    [
      'mark_precise: frame1: regs=r1,r4 stack=-8,-16,-272 before 1: (95) exit\n',
      { kind: 'precise-step', frame: 1, places: places([1, 4], [0, 1, 33]), slot: 1 },
    ],
    ['mark_precise: frame0: falling back to forcing all scalars precise\n', { kind: 'precise-fallback', frame: 0 }],
    ['frame 0: propagating r1,r4\n', { kind: 'propagate', frame: 0, places: places([1, 4]) }],
    ['frame 0: propagating fp-24\n', { kind: 'propagate', frame: 0, places: places([], [2]) }],
    ['frame 0: propagating r0,fp-8\n', { kind: 'propagate', frame: 0, places: places([0], [0]) }],
    ['propagate_backedges: too many iterations\n', { kind: 'propagate-limit' }],
    ['SCC enter (1)\n', { kind: 'scc', what: 'enter', chain: [1] }],
    ['SCC backedge (7,1)\n', { kind: 'scc', what: 'backedge', chain: [7, 1] }],
    [
      '(4,8) frame 1 insn 9 +live -8,-16 \n',
      {
        kind: 'stack-liveness',
        chain: [4, 8],
        frame: 1,
        slot: 9,
        what: 'live',
        added: places([], [0, 1]),
        removed: places([]),
      },
    ],
    [
      '(0) frame 0 insn 9 +written -8 -written -16\n',
      {
        kind: 'stack-liveness',
        chain: [0],
        frame: 0,
        slot: 9,
        what: 'written',
        added: places([], [0]),
        removed: places([], [1]),
      },
    ],
    ['(0) live stack update done in 2 iterations\n', { kind: 'stack-liveness-done', chain: [0], iterations: 2 }],
    ['Validating glob() func#1...\n', { kind: 'validating', name: 'glob', subprogram: 1 }],
    [
      "Func#1 ('glob') is safe for any args that match its prototype\n",
      { kind: 'validated', name: 'glob', subprogram: 1 },
    ],
    [
      "Func#1 ('glob') is global and assumed valid.\n",
      { kind: 'text', text: "Func#1 ('glob') is global and assumed valid." },
    ],
  ])('%j', (expected, event) => {
    expect(text([event])).toBe(expected)
  })

  test('the parent of a precision walk, precise marks shown', () => {
    const state = entry()
    const frame = state.frames[0]!
    pointer(frame, 1, RegType.MAP_VALUE)
    frame.words[registerAt(1) + MAP] = 1
    makeUnknown(frame.words, registerAt(2))
    frame.words[registerAt(2) + PRECISE] = 1
    expect(text([{ kind: 'precise-parent', frame, places: places([2]), state }])).toBe(
      'mark_precise: frame0: parent state regs=r2 stack=:  R1=map_value(map=hm,ks=4,vs=64) R2=Pscalar() R10=fp0\n',
    )
  })

  test('an infinite loop shows both states and is not told twice', () => {
    const state = entry()
    const log = new LogBuffer(2)
    textSink(log, NAMES).event({ kind: 'infinite-loop', slot: 1, current: state, old: state })
    writeFailure(log, failure('infinite-loop', { slot: 1 }))
    expect(log.text()).toBe(
      'infinite loop detected at insn 1\ncur state: R1=ctx() R10=fp0\nold state: R1=ctx() R10=fp0\n',
    )
    // At level 4, where no instruction is shown, they are told as well.
    const short = new LogBuffer(4)
    textSink(short, NAMES).event({ kind: 'infinite-loop', slot: 1, current: state, old: state })
    writeFailure(short, failure('infinite-loop', { slot: 1 }))
    expect(short.text()).toBe(log.text())
  })

  test('source lines, when they change', () => {
    const line = (slot: number, number: number) =>
      [slot, { slot, file: 'dir/my.c', line: number, column: 1, text: '  if (!v) return 0;' }] as const
    const names = { ...NAMES, lines: new Map([line(0, 31), line(1, 31), line(3, 32)]) }
    const events = [0, 1, 3].map((slot) => ({ kind: 'instruction', slot }) as const)
    expect(text(events, 2, names)).toBe(
      '; if (!v) return 0; @ my.c:31\n0: (85) call bpf_get_prandom_u32#7\n1: (95) exit\n' +
        '; if (!v) return 0; @ my.c:32\n3: (85) call pc+1\n',
    )
  })

  test('a path is cut through the sink', () => {
    const log = new LogBuffer(1)
    const sink = textSink(log, NAMES)
    sink.event({ kind: 'instruction', slot: 11 })
    const position = sink.position()
    sink.event({ kind: 'instruction', slot: 1 })
    sink.cut(position)
    expect(log.text()).toBe('11: (25) if r2 > 0x27 goto pc+3\n')
  })
})
