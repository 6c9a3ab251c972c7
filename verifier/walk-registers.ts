/** Reading and writing registers as operands: what every instruction checks first. */
import { FRAME_POINTER } from '../isa/opcode.ts'
import { fail } from './errors.ts'
import { ID, LINK, RegType, TYPE } from './layout.ts'
import { clearId, isConst, isConstValue, makeConst } from './scalar.ts'
import { currentFrame, newId, REGISTERS, registerAt, type State, touchRegister } from './state.ts'

/** The index of register `n` in the current frame's words, once it is found readable. @throws Rejection */
export function readRegister(state: State, n: number): number {
  if (n >= REGISTERS) fail('invalid-register', { reg: n })
  touchRegister(state, n)
  const at = registerAt(n)
  if (currentFrame(state).words[at + TYPE] === RegType.NOT_INIT) fail('not-readable', { reg: n })
  return at
}

/** The index of register `n`, once it is found writable. @throws Rejection */
export function writeRegister(state: State, n: number): number {
  if (n >= REGISTERS) fail('invalid-register', { reg: n })
  touchRegister(state, n)
  if (n === FRAME_POINTER) fail('frame-pointer-read-only', {})
  return registerAt(n)
}

export function isScalar(words: Int32Array, at: number): boolean {
  return words[at + TYPE] === RegType.SCALAR
}

/** An initialised register that is no scalar. */
export function isPointer(words: Int32Array, at: number): boolean {
  const type = words[at + TYPE]
  return type !== RegType.SCALAR && type !== RegType.NOT_INIT
}

export function isZero(words: Int32Array, at: number): boolean {
  return isScalar(words, at) && isConstValue(words, at, 0)
}

/**
 * Before a scalar is copied, spilled or filled: gives it an id to share with its copy. A link through a sum is given
 * up; a constant needs none.
 */
export function shareId(state: State, words: Int32Array, at: number): void {
  if (!isScalar(words, at)) return
  if (words[at + LINK] !== 0) clearId(words, at)
  if (words[at + ID] === 0 && !isConst(words, at)) words[at + ID] = newId(state)
}

/** An unmoved pointer of the given type. */
export function makePointer(words: Int32Array, at: number, type: number): void {
  makeConst(words, at, 0, 0)
  words[at + TYPE] = type
}
