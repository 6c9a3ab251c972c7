/**
 * Calls of kfuncs, by the prototypes of program/kfuncs.ts, in the kernel's order (Linux 6.18, observed):
 *
 *     program type -> may it sleep here -> arguments -> sections opened or closed -> release -> r0
 */
import type { Instruction } from '../isa/instruction.ts'
import type { KfuncPrototype } from '../program/prototypes.ts'
import { PROGRAM_TYPES } from '../program/types.ts'
import { clearCallerSaved, setUnknownResult } from './calls.ts'
import { fail } from './errors.ts'
import { checkKfuncArgument, type KfuncCall } from './kfunc-args.ts'
import { setObjectResult } from './kptr.ts'
import { ALLOC_GLOBAL, EXTRA, ID, MEM_SIZE, RegType, TypeFlag } from './layout.ts'
import { acquireResult, leaveRcuSection, release } from './references.ts'
import { currentFrame, newId, registerAt, type State } from './state.ts'
import type { Walk } from './walk-env.ts'
import { makePointer } from './walk-registers.ts'

/** Walks a call of a kfunc at `state.slot`. @throws Rejection */
export function callKfunc(walk: Walk, state: State, insn: Instruction): void {
  // None of the kfuncs that are implemented may be called under a lock.
  if (state.activeLocks > 0) fail('calls-under-lock', {})
  const prototype = lookUp(walk, state, insn)
  const { flags, name } = prototype
  if (flags.includes('sleepable') && !state.inSleepable) fail('kfunc-must-be-sleepable', { name })
  if (walk.implementedKfuncs !== undefined && !walk.implementedKfuncs.has(name)) fail('not-implemented', { name })
  const call: KfuncCall = { prototype, constant: 0n, released: 0, allocator: ALLOC_GLOBAL, size: 0 }
  for (let i = 0; i < prototype.params.length; i++) checkKfuncArgument(walk, state, call, i)
  enterSections(state, prototype)
  if (flags.includes('release')) {
    if (call.released === 0) fail('kfunc-expects-reference', { name })
    release(state, call.released)
  }
  clearCallerSaved(state)
  setResult(walk, state, call)
}

/** The kfunc that the instruction names, once the program may call it. @throws Rejection */
function lookUp(walk: Walk, state: State, insn: Instruction): KfuncPrototype {
  const { program } = walk.prepared
  const binding = program.bindings.get(state.slot)
  // A weak kfunc that the loader did not find: as the walk gets here, it is not dead code.
  if (binding === undefined && insn.imm === 0 && insn.off === 0) fail('kfunc-not-eliminated', {})
  if (binding?.kind !== 'kfunc') {
    const name = binding?.kind === 'unknown-kfunc' ? binding.name : `kfunc ${insn.imm}`
    fail('not-implemented', { name })
  }
  const { prototype } = binding
  const { name, available, flags } = prototype
  if (available !== undefined && !available.includes(PROGRAM_TYPES[program.type].key))
    fail('kfunc-not-allowed', { name })
  // Flags whose rules are not followed yet.
  if (flags.some((flag) => flag === 'destructive' || flag === 'rcu' || flag === 'fastcall')) {
    fail('not-implemented', { name })
  }
  return prototype
}

/** Sections that the call opens or closes; in none may it sleep. @throws Rejection */
function enterSections(state: State, { section, name, flags }: KfuncPrototype): void {
  const sleeps = flags.includes('sleepable')
  if (state.activeRcuLock) {
    if (section === 'rcu_lock') fail('rcu-nested', { name })
    else if (section === 'rcu_unlock') leaveRcuSection(state)
    else if (sleeps) fail('kfunc-sleeps-in-region', { name, region: 'rcu_read_lock region' })
  } else if (section === 'rcu_lock') state.activeRcuLock = true
  else if (section === 'rcu_unlock') fail('rcu-unmatched', { name })
  if (section === 'preempt_disable') state.activePreemptLocks += 1
  else if (section === 'preempt_enable') {
    if (state.activePreemptLocks === 0) fail('preempt-unmatched', { name })
    state.activePreemptLocks -= 1
  } else if (sleeps && state.activePreemptLocks > 0) {
    fail('kfunc-sleeps-in-region', { name, region: 'non-preemptible region' })
  }
  if (sleeps && state.activeIrqId !== 0) fail('kfunc-sleeps-in-region', { name, region: 'IRQ-disabled region' })
}

function setResult(walk: Walk, state: State, call: KfuncCall): void {
  const { ret, flags } = call.prototype
  switch (ret) {
    case 'void':
      return
    case 'scalar':
    case 'pointer':
      setUnknownResult(state)
      return
    case 'object':
      setObjectResult(state, objectStruct(walk, call.constant))
      break
    case 'memory':
      setMemoryResult(state, call)
      break
    default:
      ret satisfies never
  }
  if (flags.includes('acquire')) acquireResult(state)
}

const U32_MAX = 0xffff_ffffn

/** The struct of the program's BTF that objects are to be made of. @throws Rejection */
function objectStruct(walk: Walk, typeId: bigint): number {
  const { btf } = walk.prepared.program
  if (typeId > U32_MAX) fail('kfunc-type-id-range', {})
  if (btf === undefined) return fail('kfunc-type-id-btf', {})
  const id = Number(typeId)
  if (btf.types[id]?.kind !== 'struct') fail('kfunc-type-id-struct', {})
  const number = walk.prepared.structs.number(btf, id)
  for (const { kind } of walk.prepared.structs.entry(number).fields) {
    if (kind !== 'kptr') fail('not-implemented', { name: `${kind} in allocated objects` })
  }
  return number
}

/** Memory whose contents are unknown, or null. */
function setMemoryResult(state: State, { size, allocator }: KfuncCall): void {
  const { words } = currentFrame(state)
  const at = registerAt(0)
  makePointer(words, at, RegType.MEM | TypeFlag.MAYBE_NULL)
  words[at + MEM_SIZE] = size
  words[at + EXTRA] = allocator
  words[at + ID] = newId(state)
}
