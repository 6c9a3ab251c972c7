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
import { FRAME, OFF, REF_OBJ_ID, RegType, SLOT_STATE, TYPE, VALUE_LO } from './layout.ts'
import { acquire } from './references.ts'
import { slotOf } from './stack.ts'
import {
  clearRegister,
  currentFrame,
  type Frame,
  growStack,
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
const MAX_STACK = 512

/** Argument `index` of a kfunc that saves to or restores from a flag. @throws Rejection */
export function irqFlagArgument(walk: Walk, state: State, index: number, does: 'save' | 'restore'): void {
  const { words } = currentFrame(state)
  const at = registerAt(index + 1)
  if (words[at + TYPE] !== RegType.STACK) fail('irq-not-stack', { index })
  const frame = state.frames[words[at + FRAME]!]!
  if (does === 'save') save(walk, state, frame, at, index)
  else restore(walk, state, frame, at, index)
}

/** The slot that the pointer at word index `at` names. @throws Rejection, caused by what is wrong with the pointer */
function flagSlot(state: State, at: number, index: number, kind: 'irq-not-free' | 'irq-not-saved'): number {
  const { words } = currentFrame(state)
  if (!tnumIsConst(words, at + VALUE_LO)) fail(kind, { index }, { cause: failure('irq-variable', {}) })
  const off = words[at + OFF]! + words[at + VALUE_LO]!
  if (off % SLOT_SIZE !== 0 || off >= 0 || off < -MAX_STACK) {
    fail(kind, { index }, { cause: failure('irq-offset', { off }) })
  }
  return slotOf(off)
}

function save(walk: Walk, state: State, frame: Frame, at: number, index: number): void {
  const slot = flagSlot(state, at, index, 'irq-not-free')
  growStack(frame, slot + 1)
  const depth = frame.slots * SLOT_SIZE
  if (depth > walk.stackDepths[frame.subprogram]!) walk.stackDepths[frame.subprogram] = depth
  if (frame.kinds[slot * SLOT_SIZE] === SlotKind.IRQ_FLAG) fail('irq-not-free', { index })
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
  const slot = flagSlot(state, at, index, 'irq-not-saved')
  const kinds = slot < frame.slots ? frame.kinds.subarray(slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE) : []
  if (kinds.length === 0 || kinds.some((kind) => kind !== SlotKind.IRQ_FLAG)) fail('irq-not-saved', { index })
  const bit = slot < 32 ? 1 << slot : 1 << (slot - 32)
  walk.liveness.read(state, frame.number, slot < 32 ? bit : 0, slot < 32 ? 0 : bit)
  walk.liveness.write(frame.number, slot)
  const words = slotAt(slot)
  const id = frame.words[words + REF_OBJ_ID]!
  if (id !== state.activeIrqId) {
    const active = state.references.find((reference) => reference.id === state.activeIrqId)
    fail('irq-order', { id: state.activeIrqId, insn: active?.insn ?? 0 })
  }
  state.references = state.references.filter((reference) => reference.id !== id)
  state.activeIrqId = state.references.findLast(({ kind }) => kind === 'irq')?.id ?? 0
  clearRegister(frame.words, words)
  frame.kinds.fill(SlotKind.INVALID, slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE)
  touchSlot(state, slot)
}
