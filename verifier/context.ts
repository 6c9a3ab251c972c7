/**
 * Loads and stores through the context pointer: which offsets and widths a program type has, and what a load gives.
 * The context of SYSCALL programs is 65,535 bytes that the caller brings; those of other types are structs of fields
 * (program/contexts.ts), whose loads are converted when the program is run. Source: observed on Linux 6.18.
 */
import { InternalError } from '../errors/errors.ts'
import { type ContextValue, contextLayout, findContextAccess } from '../program/contexts.ts'
import { fail } from './errors.ts'
import { ID, OFF, RegType, TypeFlag, VALUE_LO } from './layout.ts'
import { currentFrame, newId, registerAt, type State } from './state.ts'
import { tnumText, typeName } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'
import { makePointer } from './walk-registers.ts'

/** Bytes of a SYSCALL program's context that can be named. */
const SYSCALL_CONTEXT = 65_535

/** The pointer in register `n` must be the context as it was handed over. @throws Rejection */
export function checkUnmodified(words: Int32Array, at: number, n: number, type: number): void {
  const off = words[at + OFF]!
  if (off < 0) fail('negative-offset-pointer', { type: typeName(type), reg: n, off })
  if (off !== 0) fail('modified-pointer', { type: typeName(type), reg: n, off })
  if (!tnumIsConst(words, at + VALUE_LO) || words[at + VALUE_LO] !== 0 || words[at + VALUE_LO + 1] !== 0) {
    fail('variable-pointer', { type: typeName(type), varOff: tnumText(words, at + VALUE_LO) })
  }
}

/** True when the context is memory as it stands: calls that take memory take it too, and engines load from it. */
export function isPlainContext(walk: Walk): boolean {
  const { type } = walk.prepared.program
  return type === 'syscall' || contextLayout(type)?.plain === true
}

export interface ContextUse {
  readonly write: boolean
  /** Sign-extending load. */
  readonly signed: boolean
}

/** @returns what a load gives. @throws Rejection when the program type has no such access */
export function checkContextAccess(walk: Walk, off: number, size: number, use: ContextUse): ContextValue {
  const bare = walk.prepared.program.type === 'syscall'
  const value = bare ? bareAccess(off, size) : fieldAccess(walk, off, size, use)
  if (value === undefined) return fail('context-access', { off, size })
  if (off + size > walk.maxContext) walk.maxContext = off + size
  return value
}

function bareAccess(off: number, size: number): ContextValue | undefined {
  return off < 0 || off >= SYSCALL_CONTEXT || off % size !== 0 ? undefined : 'scalar'
}

function fieldAccess(walk: Walk, off: number, size: number, { write, signed }: ContextUse): ContextValue | undefined {
  const layout = contextLayout(walk.prepared.program.type)
  if (layout === undefined) throw new InternalError(`no context table for ${walk.prepared.program.type} programs`)
  const value = findContextAccess(layout, off, size, write)?.field.value
  // Four bytes name an address of eight: there is no sign in them.
  return signed && value?.startsWith('pkt') ? undefined : value
}

/** Makes register `n` the pointer that was loaded. */
export function setContextPointer(state: State, n: number, value: Exclude<ContextValue, 'scalar'>): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  switch (value) {
    case 'pkt':
      makePointer(words, at, RegType.PACKET)
      return
    case 'pkt_end':
      makePointer(words, at, RegType.PACKET_END)
      return
    case 'pkt_meta':
      makePointer(words, at, RegType.PACKET_META)
      return
    case 'sock_common_or_null':
      makePointer(words, at, RegType.SOCK_COMMON | TypeFlag.MAYBE_NULL)
      words[at + ID] = newId(state)
      return
    default:
      value satisfies never
  }
}
