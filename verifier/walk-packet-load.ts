/**
 * LD_ABS and LD_IND: r0 = bytes of the packet in host order, read by a helper that needs no proof and ends the function
 * with 0 when the packet is too short. r6 must hold the context; as any call they leave r1 to r5 unusable.
 * Source: observed on Linux 6.18.
 */
import type { Instruction } from '../isa/instruction.ts'
import { Kind } from '../isa/table.ts'
import { contextLayout } from '../program/contexts.ts'
import { clearCallerSaved, setUnknownResult } from './calls.ts'
import { checkUnmodified } from './context.ts'
import { fail } from './errors.ts'
import { RegType, TYPE } from './layout.ts'
import { currentFrame, type State } from './state.ts'
import { checkNothingHeld } from './walk-call.ts'
import type { Walk } from './walk-env.ts'
import { readRegister } from './walk-registers.ts'

const CONTEXT_REGISTER = 6

/** @throws Rejection */
export function walkPacketLoad(walk: Walk, state: State, insn: Instruction): void {
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
}
