/**
 * Pointers to structs: objects that the program allocated, and those that it found in a map. What may be done with
 * them hangs on how sure it is that the object is still there:
 *
 *     ALLOC, with a reference   the program's own              read, write
 *     ALLOC | RCU               kept alive by a section        read, write
 *     UNTRUSTED                 may be gone                    read (memory of objects can always be read)
 *
 * Source: Linux 6.18, observed.
 */
import { resolveType } from '../btf/layout.ts'
import { fail } from './errors.ts'
import { BTF_ID, EXTRA, OFF, REF_OBJ_ID, RegType, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import { hitStruct, type StructEntry } from './structs.ts'
import { tnumText } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'
import { makePointer } from './walk-registers.ts'

/** In EXTRA of a pointer that was found in an object: it may be any number. */
const FOUND = 1

/**
 * Checks a load or store of a struct through register `reg`. @returns the number of the struct that the loaded pointer
 * points to, 0 when it is a number. @throws Rejection
 */
export function accessObject(walk: Walk, state: State, reg: number, off: number, size: number, write: boolean): number {
  const { words } = currentFrame(state)
  const at = registerAt(reg)
  const type = words[at + TYPE]!
  const entry = walk.prepared.structs.entry(words[at + BTF_ID]!)
  const name = entry.type.name
  const where = words[at + OFF]! + off
  const prefix = `ptr_${name}`
  if (where < 0) fail('negative-struct-access', { reg, type: prefix, off: where })
  if (!tnumIsConst(words, at + VALUE_LO) || words[at + VALUE_LO] !== 0 || words[at + VALUE_LO + 1] !== 0) {
    fail('variable-struct-access', { reg, type: prefix, off: where, varOff: tnumText(words, at + VALUE_LO) })
  }
  const owned = (type & TypeFlag.ALLOC) !== 0
  if (write && (!owned || (type & TypeFlag.UNTRUSTED) !== 0)) fail('only-read', {})
  // Linux stumbles over pointers that outlived their section; they are refused as it does that.
  if (owned && words[at + REF_OBJ_ID] === 0 && (type & (TypeFlag.RCU | TypeFlag.NON_OWNING)) === 0) {
    fail('object-unreferenced', {})
  }
  if (owned) refuseSpecialMembers(entry, where, size)
  if (words[at + EXTRA] === FOUND) fail('not-implemented', { name: 'pointers found in objects that may be gone' })
  const target = hitStruct(entry.btf, entry.type, where, size)
  // In the program's own objects a pointer is a number like any other.
  if (target === undefined || owned) return 0
  const { id, type: pointed } = resolveType(entry.btf, target)
  return pointed.kind === 'struct' ? walk.prepared.structs.number(entry.btf, id) : 0
}

/** Makes register `n` a pointer that was found in an object: nothing is known of what it leads to. */
export function setFoundPointer(state: State, n: number, struct: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  makePointer(words, at, RegType.BTF_ID | TypeFlag.UNTRUSTED)
  words[at + BTF_ID] = struct
  words[at + EXTRA] = FOUND
}

function refuseSpecialMembers({ fields }: StructEntry, off: number, size: number): void {
  const field = fields.find((one) => off < one.offset + one.size && one.offset < off + size)
  if (field !== undefined) fail('object-direct', { field: field.kind })
}
