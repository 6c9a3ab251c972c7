/** Putting paths aside, and what every instruction may report. */
import type { Errno } from '../errors/errors.ts'
import type { Slot } from '../isa/instruction.ts'
import { fail } from './errors.ts'
import type { Violation } from './scalar.ts'
import { copyState, type State } from './state.ts'
import type { Walk } from './walk-env.ts'

/** Most paths put aside at a time. */
const MAX_PENDING = 8192

/**
 * Puts a copy of `state` aside, to be walked from `slot` on when the current path has ended. `errno` is what the
 * caller's kind of branch fails with. @throws Rejection when too many wait
 */
export function pushPending(walk: Walk, state: State, slot: Slot, errno: Errno): State {
  const copy = copyState(state)
  copy.slot = slot
  copy.previous = state.slot
  if (copy.parent !== undefined) copy.parent.branches += 1
  walk.pending.push({ state: copy, logPosition: walk.sink.position() })
  if (walk.pending.length > MAX_PENDING) fail('too-many-jumps', { jumps: walk.pending.length }, { errno })
  return copy
}

/** Says that a register's bounds contradicted each other. @throws Rejection when the program asked for that */
export function reportViolation(walk: Walk, violation: Violation | undefined, context: string): void {
  if (violation === undefined) return
  const what = violationText(violation)
  if (walk.testInvariants) fail('register-invariants', { context, what })
  walk.sink.event({ kind: 'text', text: `verifier bug: REG INVARIANTS VIOLATION (${context}): ${what}` })
}

const SAYS = {
  bounds: 'range bounds violation',
  const64: 'const tnum out of sync with range bounds',
  const32: 'const subreg tnum out of sync with range bounds',
} as const

function violationText(v: Violation): string {
  const hex = (value: bigint | number): string => `0x${value.toString(16)}`
  const unsigned64 = (value: bigint): string => hex(BigInt.asUintN(64, value))
  return (
    `${SAYS[v.kind]} u64=[${hex(v.umin)}, ${hex(v.umax)}] s64=[${unsigned64(v.smin)}, ${unsigned64(v.smax)}] ` +
    `u32=[${hex(v.u32min)}, ${hex(v.u32max)}] s32=[${hex(v.s32min >>> 0)}, ${hex(v.s32max >>> 0)}] ` +
    `var_off=(${hex(v.value)}, ${hex(v.mask)})`
  )
}
