/** Static functions: a call walks the callee with the caller's registers, an exit comes back behind the call. */
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Field } from '../isa/table.ts'
import { clearCallerSaved } from './calls.ts'
import { callGlobal } from './calls-global.ts'
import { fail } from './errors.ts'
import { FRAME, RegType, TYPE } from './layout.ts'
import { checkNothingHeld } from './references.ts'
import { copyRegister, currentFrame, makeFrame, registerAt, type State } from './state.ts'
import { typeName } from './text.ts'
import { isShown, type Walk } from './walk-env.ts'
import { isScalar, makePointer, readRegister } from './walk-registers.ts'

/** Frames that calls may nest to. */
const MAX_FRAMES = 8

/** Refuses a CALL whose other fields are not what its form has. @throws Rejection */
export function checkCallEncoding(insn: Instruction): void {
  const { row } = insn
  if (!insn.exact || insn.dst !== 0 || (insn.off !== 0 && row.off === Field.ZERO)) {
    fail('reserved-fields', { class: 'BPF_CALL' })
  }
}

/** Enters the static function that `insn` calls, or goes past a global one. @returns the next slot */
export function enterFunction(walk: Walk, state: State, insn: Instruction): Slot {
  const target = state.slot + 1 + insn.imm
  const subprogram = walk.prepared.subprogramOf[target]!
  if (walk.prepared.subprograms[subprogram]!.linkage === 'global') {
    callGlobal(walk, state, subprogram)
    walk.calledGlobals.add(subprogram)
    return state.slot + 1
  }
  const number = state.frames.length
  if (number >= MAX_FRAMES) fail('call-depth', { frames: number + 1 })
  const caller = currentFrame(state)
  const callee = makeFrame(number, state.slot, subprogram)
  for (let n = 1; n <= 5; n++) copyRegister(callee.words, registerAt(n), caller.words, registerAt(n))
  makePointer(callee.words, registerAt(10), RegType.STACK)
  callee.words[registerAt(10) + FRAME] = number
  clearCallerSaved(state)
  state.frames.push(callee)
  touchAll(state)
  if (isShown(walk)) walk.sink.event({ kind: 'enter', state, caller, callee })
  return target
}

/** Everything is shown with the next instruction. */
export function touchAll(state: State): void {
  const { scratch } = state.shared
  scratch.registers = scratch.slotsLow = scratch.slotsHigh = -1
}

/** Leaves the current static function. @returns the slot behind the call */
export function leaveFunction(walk: Walk, state: State): Slot {
  walk.liveness.update(state)
  const callee = currentFrame(state)
  const result = registerAt(0)
  if (callee.words[result + TYPE] === RegType.STACK) fail('return-stack-pointer', {})
  const caller = state.frames[state.frames.length - 2]!
  copyRegister(caller.words, result, callee.words, result)
  const to = callee.callSite + 1
  if (isShown(walk)) walk.sink.event({ kind: 'leave', state, caller, callee, to })
  state.frames.pop()
  return to
}

/** Exit of the main program or of a global function: nothing may be held, and r0 must be there. @throws Rejection */
export function checkExit(state: State): void {
  checkNothingHeld(state, 'BPF_EXIT instruction in main prog')
  const at = readRegister(state, 0)
  const { subprogram, words } = currentFrame(state)
  if (subprogram !== 0 && !isScalar(words, at)) {
    fail('exit-not-scalar', { reg: 0, type: typeName(words[at + TYPE]!) })
  }
}
