/**
 * What the program holds and must give back: acquired, released, and looked at where the program may end.
 *
 *     r0 = bpf_obj_new()   references [2]   every copy of r0 has ref_obj_id 2
 *     bpf_obj_drop(r1)     references []    every copy of it is a number that nobody knows
 *
 * Source: Linux 6.18, observed.
 */
import { type FailureOptions, fail, failure, type VerifierFailure } from './errors.ts'
import { ID, REF_OBJ_ID, TYPE, TypeFlag } from './layout.ts'
import type { ReferenceKind } from './reference-list.ts'
import { makeUnknown } from './scalar.ts'
import { currentFrame, type Frame, isSpilled, newId, REGISTERS, registerAt, type State, slotAt } from './state.ts'
import { isPointer } from './walk-registers.ts'

/** Adds a reference acquired by the current instruction. @returns its id */
export function acquire(state: State, kind: ReferenceKind): number {
  const id = newId(state)
  state.references = state.references.add({ kind, id, insn: state.slot, owner: undefined })
  return id
}

/** The pointer in r0 is acquired; where it may be null it is known by the id of the reference. */
export function acquireResult(state: State): void {
  const { words } = currentFrame(state)
  const at = registerAt(0)
  const id = acquire(state, 'pointer')
  words[at + REF_OBJ_ID] = id
  if ((words[at + TYPE]! & TypeFlag.MAYBE_NULL) !== 0) words[at + ID] = id
}

/** Calls `visit` with each register of each frame, saved ones included. */
export function eachRegister(state: State, visit: (words: Int32Array, at: number) => void): void {
  for (const frame of state.frames) eachOfFrame(frame, visit)
}

function eachOfFrame(frame: Frame, visit: (words: Int32Array, at: number) => void): void {
  for (let n = 0; n < REGISTERS; n++) visit(frame.words, registerAt(n))
  for (let n = 0; n < frame.slots; n++) if (isSpilled(frame, n)) visit(frame.words, slotAt(n))
}

/** Gives back reference `id`: nothing that belongs to it is a pointer any more. */
export function release(state: State, id: number): void {
  state.references = state.references.without(id)
  eachRegister(state, (words, at) => {
    if (isPointer(words, at) && words[at + REF_OBJ_ID] === id) makeUnknown(words, at)
  })
}

/** What a section that is still open is called: it keeps the program from ending here. */
function openSection(state: State): string | undefined {
  if (state.activeIrqId !== 0) return 'bpf_local_irq_save'
  if (state.activeRcuLock) return 'bpf_rcu_read_lock'
  return state.activePreemptLocks > 0 ? 'bpf_preempt_disable' : undefined
}

/** The program may end at the current instruction only while it holds nothing. @throws Rejection */
export function checkNothingHeld(state: State, where: string): void {
  if (state.activeLocks > 0) fail('exit-in-region', { where, region: 'bpf_spin_lock' })
  if (state.frames.length === 1) checkReferences(state, where)
  const region = openSection(state)
  if (region !== undefined) fail('exit-in-region', { where, region })
}

/** A line for each reference, then the one that names the error. */
function checkReferences(state: State, where: string): void {
  let cause: VerifierFailure | undefined
  for (const { kind, id, insn } of state.references) {
    if (kind !== 'pointer') continue
    const options: FailureOptions = cause === undefined ? {} : { cause }
    cause = failure('reference-unreleased', { id, insn }, options)
  }
  if (cause !== undefined) fail('reference-leak', { where }, { cause })
}

/** The end of an RCU section: what it kept alive may be gone, though it can still be read. */
export function leaveRcuSection(state: State): void {
  state.activeRcuLock = false
  eachRegister(state, (words, at) => {
    const type = words[at + TYPE]!
    if ((type & TypeFlag.RCU) === 0) return
    words[at + TYPE] = (type & ~(TypeFlag.RCU | TypeFlag.MAYBE_NULL)) | TypeFlag.UNTRUSTED
  })
}
