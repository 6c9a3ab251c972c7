/**
 * Memory that a call gets through a register: `size` bytes from where it points, read or written by the callee.
 * Source: Linux 6.18, observed.
 *
 *     read         every byte must hold something readable; contents stay
 *     write        the same (the callee may leave a part), then the bytes are anything
 *     write, raw   nothing need be there: size and place are known, so all of it is overwritten
 */
import { checkContextAccess, checkUnmodified, isPlainContext } from './context.ts'
import { fail } from './errors.ts'
import type { HelperCall } from './helper-args.ts'
import { baseType, MAP, MEM_SIZE, OFF, RegType, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { checkMapRights, checkRegion } from './memory.ts'
import { checkFieldsForHelper } from './memory-fields.ts'
import { accessObject } from './object.ts'
import { checkPacketAccess, checkPacketWrite } from './packet.ts'
import { isReadable, kindAt, readSlots, type StackRange, scrubSpecial, slotOf, stackRange } from './stack.ts'
import { currentFrame, type Frame, registerAt, SlotKind, type State, slotAt } from './state.ts'
import { tnumText, typeName } from './text.ts'
import type { Walk } from './walk-env.ts'
import { isZero } from './walk-registers.ts'

export interface ArgumentAccess {
  readonly write: boolean
  readonly zeroAllowed: boolean
  /** The callee fills it without reading: stack bytes need no content, and are noted here to be overwritten. */
  readonly raw?: HelperCall | undefined
  /** The context counts as memory where it is not rewritten: for kfuncs and global functions. */
  readonly context?: boolean
}

/** @throws Rejection when register `n` does not point to `size` bytes that may be accessed so */
export function accessArgument(walk: Walk, state: State, n: number, size: number, access: ArgumentAccess): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  const type = words[at + TYPE]!
  switch (type & ~TypeFlag.RDONLY & ~TypeFlag.RINGBUF) {
    case RegType.STACK:
      accessStack(walk, state, n, size, access)
      return
    case RegType.MAP_VALUE: {
      const map = walk.prepared.maps[words[at + MAP]! - 1]!
      checkMapRights(map, words[at + OFF]!, size, access.write)
      checkSpan(words, at, n, size, access, 'map-value-range', map.valueSize)
      checkFieldsForHelper(map, words, at, size)
      return
    }
    case RegType.MAP_KEY:
      if (access.write) fail('cannot-write', { reg: n, type: typeName(type) })
      checkSpan(words, at, n, size, access, 'map-key-range', walk.prepared.maps[words[at + MAP]! - 1]!.keySize)
      return
    case RegType.MEM:
      if (access.write && (type & TypeFlag.RDONLY) !== 0) fail('cannot-write', { reg: n, type: typeName(type) })
      checkSpan(words, at, n, size, access, 'memory-range', words[at + MEM_SIZE]!)
      return
    case RegType.PACKET:
    case RegType.PACKET_META:
      if (access.write) checkPacketWrite(walk)
      checkPacketAccess(words, at, n, 0, size, access.zeroAllowed)
      return
    case RegType.BTF_ID:
    case RegType.BTF_ID | TypeFlag.ALLOC:
    case RegType.BTF_ID | TypeFlag.ALLOC | TypeFlag.RCU:
      // Looked at as one load of that size, whatever the callee does with it.
      accessObject(walk, state, n, 0, size, false)
      return
    case RegType.BTF_ID | TypeFlag.UNTRUSTED:
    case RegType.BTF_ID | TypeFlag.UNTRUSTED | TypeFlag.ALLOC:
      // Linux lets the callee write through it, into what may be another object by then.
      fail('not-implemented', { name: 'objects that may be gone as memory for calls' })
      break
    case RegType.CTX:
      if (access.context === true && isPlainContext(walk)) {
        accessContext(walk, words, at, n, size, access.write)
        return
      }
      break
    default:
      break
  }
  if (size === 0 && access.zeroAllowed && isZero(words, at)) return
  fail('argument-type', { reg: n, type: typeName(type), expected: 'fp' })
}

/** A region check in which an access of no bytes lies outside unless it is allowed. */
function checkSpan(
  words: Int32Array,
  at: number,
  n: number,
  size: number,
  access: ArgumentAccess,
  kind: 'map-value-range' | 'map-key-range' | 'memory-range',
  memSize: number,
): void {
  // In a region of -1 bytes nothing fits, not even no bytes.
  checkRegion(words, at, n, 0, size, kind, size > 0 || access.zeroAllowed ? memSize : -1)
}

/** One byte, the last, is held to the context's rules. */
function accessContext(walk: Walk, words: Int32Array, at: number, n: number, size: number, write: boolean): void {
  if (size === 0) return
  checkUnmodified(words, at, n, words[at + TYPE]!)
  checkContextAccess(walk, size - 1, 1, { write, signed: false })
}

function accessStack(walk: Walk, state: State, n: number, size: number, access: ArgumentAccess): void {
  if (size === 0 && !access.zeroAllowed) fail('zero-sized-read', {})
  const { words } = currentFrame(state)
  const range = stackRange(walk, state, n, words[registerAt(n) + OFF]!, size, access.write)
  if (access.raw !== undefined && range.fixed) {
    refuseDynptrs(range)
    access.raw.raw = { register: n, size }
    return
  }
  // Through a variable offset the callee may get to any byte of the range.
  for (let off = range.min; off < range.max; off++) accessByte(state, n, size, access.write, range, off)
  if (range.max > range.min) readSlots(walk, state, range.frame, range.min, range.max)
}

function refuseDynptrs({ frame, min, max }: StackRange): void {
  for (let off = min; off < max; off++) {
    if (frame.kinds[kindAt(off)] === SlotKind.DYNPTR) fail('dynptr-overwrite', { off })
  }
}

function accessByte(state: State, n: number, size: number, write: boolean, range: StackRange, off: number): void {
  const { frame, min } = range
  if (!isReadable(frame, off)) {
    const index = off - min
    if (range.fixed) fail('stack-argument-read', { reg: n, off: min, index, size })
    const varOff = tnumText(currentFrame(state).words, registerAt(n) + VALUE_LO)
    fail('stack-argument-read-variable', { reg: n, varOff, index, size })
  }
  if (write) clobber(frame, off)
}

/** The callee may write the byte: what it held is forgotten, a saved register as a whole. */
function clobber(frame: Frame, off: number): void {
  const slot = slotOf(off)
  if (frame.kinds[kindAt(off)] === SlotKind.SPILL) {
    frame.words[slotAt(slot) + TYPE] = RegType.NOT_INIT
    scrubSpecial(frame, slot)
  }
  frame.kinds[kindAt(off)] = SlotKind.MISC
}

/** True for a pointer whose null the caller has yet to exclude. */
export function isMaybeNull(type: number): boolean {
  return baseType(type) !== RegType.SCALAR && (type & TypeFlag.MAYBE_NULL) !== 0
}
