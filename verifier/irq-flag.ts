/**
 * Interrupts switched off and on again: the flag that says how it was before lies in eight bytes of stack, and is
 * restored innermost first.
 *
 *     bpf_local_irq_save(fp-8)      fp-8=ffffffff   references [1]     active 1
 *     bpf_local_irq_save(fp-16)     fp-16=ffffffff  references [1, 2]  active 2
 *     bpf_local_irq_restore(fp-16)                  references [1]     active 1
 *
 * Source: Linux 6.18, observed.
 */
import { fail, failure } from './errors.ts'
import { checkOffset } from './helper-args.ts'
import { FRAME, OFF, REF_OBJ_ID, RegType, SLOT_STATE, TYPE, VALUE_LO } from './layout.ts'
import { acquire } from './references.ts'
import { slotOf, stackRange } from './stack.ts'
import {
  clearRegister,
  currentFrame,
  type Frame,
  registerAt,
  SLOT_SIZE,
  SlotKind,
  type State,
  slotAt,
  touchSlot,
} from './state.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'

/** SLOT_STATE of a flag that bpf_local_irq_save set. */
const NATIVE = 1
/** How the log shows the offset of a register that was never set. */
const ANY_OFFSET = '(0x0; 0xffffffffffffffff)'

/** Argument `index` of a kfunc that saves to or restores from a flag. @throws Rejection */
export function irqFlagArgument(walk: Walk, state: State, index: number, does: 'save' | 'restore'): void {
  const { words } = currentFrame(state)
  const at = registerAt(index + 1)
  if (words[at + TYPE] === RegType.NOT_INIT) fail('variable-pointer', { type: '?', varOff: ANY_OFFSET })
  checkOffset(words, at, index + 1)
  if (words[at + TYPE] !== RegType.STACK) fail('irq-not-stack', { index })
  const frame = state.frames[words[at + FRAME]!]!
  if (does === 'save') save(walk, state, frame, at, index)
  else restore(walk, state, frame, at, index)
}

/** The offset of the flag that the pointer at word index `at` names. @throws Rejection, caused by what is wrong with it */
function flagOffset(state: State, at: number, index: number, kind: 'irq-not-free' | 'irq-not-saved'): number {
  const { words } = currentFrame(state)
  if (!tnumIsConst(words, at + VALUE_LO)) fail(kind, { index }, { cause: failure('irq-variable', {}) })
  const off = words[at + OFF]! + words[at + VALUE_LO]!
  if (off % SLOT_SIZE !== 0 || off > 0) fail(kind, { index }, { cause: failure('irq-offset', { off }) })
  return off
}

function save(walk: Walk, state: State, frame: Frame, at: number, index: number): void {
  const off = flagOffset(state, at, index, 'irq-not-free')
  // Right above the stack Linux looks at the first slot before it finds that there is none.
  const slot = off === 0 ? 0 : slotOf(off)
  if (slot < frame.slots && frame.kinds[slot * SLOT_SIZE] === SlotKind.IRQ_FLAG) fail('irq-not-free', { index })
  stackRange(walk, state, index + 1, currentFrame(state).words[at + OFF]!, SLOT_SIZE, true)
  walk.liveness.write(frame.number, slot)
  const id = acquire(state, 'irq')
  state.activeIrqId = id
  const words = slotAt(slot)
  clearRegister(frame.words, words)
  frame.words[words + REF_OBJ_ID] = id
  frame.words[words + SLOT_STATE] = NATIVE
  frame.kinds.fill(SlotKind.IRQ_FLAG, slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE)
  touchSlot(state, slot)
}

function restore(walk: Walk, state: State, frame: Frame, at: number, index: number): void {
  // Linux takes the place right above the stack for the first slot, and then restores what lies above: not so here.
  const off = flagOffset(state, at, index, 'irq-not-saved')
  const slot = slotOf(off)
  const kinds = slot >= 0 && slot < frame.slots ? frame.kinds.subarray(slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE) : []
  if (kinds.length === 0 || kinds.some((kind) => kind !== SlotKind.IRQ_FLAG)) fail('irq-not-saved', { index })
  const bit = slot < 32 ? 1 << slot : 1 << (slot - 32)
  walk.liveness.read(state, frame.number, slot < 32 ? bit : 0, slot < 32 ? 0 : bit)
  walk.liveness.write(frame.number, slot)
  const words = slotAt(slot)
  const id = frame.words[words + REF_OBJ_ID]!
  if (id !== state.activeIrqId) {
    const active = state.references.findLast((reference) => reference.id === state.activeIrqId)
    fail('irq-order', { id: state.activeIrqId, insn: active?.insn ?? 0 })
  }
  state.references = state.references.without(id)
  state.activeIrqId = state.references.findLast(({ kind }) => kind === 'irq')?.id ?? 0
  clearRegister(frame.words, words)
  frame.kinds.fill(SlotKind.INVALID, slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE)
  touchSlot(state, slot)
}
