/**
 * LD_ABS and LD_IND: r0 = bytes of the packet in host order, read by a helper that needs no proof. r6 must hold the
 * context; as any call they leave r1 to r5 unusable.
 *
 *     packet long enough ---> r0 unknown, the next instruction      put aside when there is a caller
 *     too short ------------> the function returns 0                walked first; in the main program that is the end
 *
 * Source: observed on Linux 6.18 (stable).
 */
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { contextLayout } from '../program/contexts.ts'
import { clearCallerSaved, setUnknownResult } from './calls.ts'
import { checkUnmodified } from './context.ts'
import { fail } from './errors.ts'
import { RegType, TYPE } from './layout.ts'
import { checkNothingHeld } from './references.ts'
import { makeConst } from './scalar.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import { leaveFunction } from './walk-call.ts'
import type { Walk } from './walk-env.ts'
import { pushPending } from './walk-paths.ts'
import { readRegister } from './walk-registers.ts'

const CONTEXT_REGISTER = 6

/** @returns the slot at which the path goes on. @throws Rejection */
export function walkPacketLoad(walk: Walk, state: State, insn: Instruction): Slot {
  const indirect = insn.row.kind === Kind.LD_IND
  if (contextLayout(walk.prepared.program.type)?.loadsPacket !== true) fail('packet-load-not-allowed', {})
  if (insn.dst !== 0 || insn.off !== 0 || (!indirect && insn.src !== 0)) {
    fail('reserved-fields', { class: 'BPF_LD_[ABS|IND]' })
  }
  const { words } = currentFrame(state)
  const context = readRegister(state, CONTEXT_REGISTER)
  checkNothingHeld(state, 'BPF_LD_[ABS|IND]')
  if (words[context + TYPE] !== RegType.CTX) fail('packet-load-context', {})
  if (indirect) readRegister(state, insn.src)
  checkUnmodified(words, context, CONTEXT_REGISTER, RegType.CTX)
  clearCallerSaved(state)
  setUnknownResult(state)
  return state.frames.length === 1 ? state.slot + 1 : failLoad(walk, state)
}

/** The packet is too short, and the caller gets 0. @returns the slot behind the call */
function failLoad(walk: Walk, state: State): Slot {
  pushPending(walk, state, state.slot + 1, 'EFAULT')
  makeConst(currentFrame(state).words, registerAt(0), 0, 0)
  return leaveFunction(walk, state)
}
