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
  const text = violationText(violation, context)
  if (walk.testInvariants) fail('register-invariants', { context, what: text })
  walk.sink.event({ kind: 'text', text: `verifier bug: REG INVARIANTS VIOLATION (${context}): ${text}` })
}

const SAYS = {
  bounds: 'range bounds violation',
  const64: 'const tnum out of sync with range bounds',
  const32: 'const subreg tnum out of sync with range bounds',
} as const

function violationText(v: Violation, _context: string): string {
  return SAYS[v.kind]
}
