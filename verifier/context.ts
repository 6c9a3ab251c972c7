/**
 * Loads and stores through the context pointer: which offsets and widths a program type has. So far the context of
 * SYSCALL programs, 65,535 bytes that the caller brings. Source: observed on Linux 6.18.
 */
import { fail } from './errors.ts'
import { OFF, VALUE_LO } from './layout.ts'
import { tnumText, typeName } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'

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

/** @throws Rejection when the program type has no such access */
export function checkContextAccess(walk: Walk, off: number, size: number): void {
  if (walk.prepared.program.type !== 'syscall') {
    fail('not-implemented', { name: `the context of ${walk.prepared.program.type} programs` })
  }
  if (off < 0 || off >= SYSCALL_CONTEXT || off % size !== 0) fail('context-access', { off, size })
  if (off + size > walk.maxContext) walk.maxContext = off + size
}
