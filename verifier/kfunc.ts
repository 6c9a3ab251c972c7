/**
 * Calls of kfuncs, by the prototypes of program/kfuncs.ts. Registers are not tested for being initialised: an unset
 * one has no type that any parameter takes, and ignored parameters may be unset. Source: Linux 6.18, observed.
 */
import type { Instruction } from '../isa/instruction.ts'
import type { KfuncParameter, KfuncPrototype } from '../program/prototypes.ts'
import { clearCallerSaved, setUnknownResult } from './calls.ts'
import { fail } from './errors.ts'
import { checkOffset } from './helper-args.ts'
import { isMaybeNull } from './helper-memory.ts'
import { MAP, RegType, TYPE } from './layout.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import type { Walk } from './walk-env.ts'
import { isScalar, isZero } from './walk-registers.ts'

/** Walks a call of a kfunc at `state.slot`. @throws Rejection */
export function callKfunc(walk: Walk, state: State, insn: Instruction): void {
  // None of the kfuncs that are implemented may be called under a lock.
  if (state.activeLocks > 0) fail('calls-under-lock', {})
  const binding = walk.prepared.program.bindings.get(state.slot)
  // A weak kfunc that the loader did not find: as the walk gets here, it is not dead code.
  if (binding === undefined && insn.imm === 0 && insn.off === 0) fail('kfunc-not-eliminated', {})
  if (binding?.kind !== 'kfunc') {
    const name = binding?.kind === 'unknown-kfunc' ? binding.name : `kfunc ${insn.imm}`
    fail('not-implemented', { name })
  }
  const { prototype } = binding
  const { flags, name } = prototype
  if (flags.includes('sleepable') && !state.inSleepable) fail('kfunc-must-be-sleepable', { name })
  for (const [index, parameter] of prototype.params.entries()) checkParameter(state, prototype, parameter, index)
  refuseSpecific(state, prototype)
  clearCallerSaved(state)
  if (prototype.ret !== 'void') setUnknownResult(state)
}

function checkParameter(state: State, prototype: KfuncPrototype, parameter: KfuncParameter, index: number): void {
  const { words } = currentFrame(state)
  const n = index + 1
  const at = registerAt(n)
  switch (parameter.kind) {
    case 'ignored':
      return
    case 'scalar':
      if (!isScalar(words, at)) fail('not-scalar', { reg: n })
      return
    case 'map':
      checkMap(words, at, n, index, prototype.flags.includes('trusted_args'))
      return
    default:
      parameter satisfies never
  }
}

/** Any map will do: which one it is, the kfunc finds out when it runs. */
function checkMap(words: Int32Array, at: number, n: number, index: number, trusted: boolean): void {
  const type = words[at + TYPE]!
  if (trusted && (isZero(words, at) || isMaybeNull(type))) fail('kfunc-null', { index })
  if (words[at + MAP] === 0) fail('kfunc-map', { reg: n })
  if (trusted && type !== RegType.CONST_MAP_PTR) fail('kfunc-untrusted', { reg: n })
  checkOffset(words, at, n)
}

/** Flags whose rules are not followed yet. */
function refuseSpecific(state: State, { flags, name }: KfuncPrototype): void {
  if (flags.some((flag) => flag !== 'trusted_args' && flag !== 'sleepable')) fail('not-implemented', { name })
  const inRegion = state.activeRcuLock || state.activePreemptLocks > 0 || state.activeIrqId !== 0
  if (inRegion && flags.includes('sleepable')) fail('not-implemented', { name: `${name} in such a region` })
}
