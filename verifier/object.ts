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
import { fail } from './errors.ts'
import { BTF_ID, OFF, REF_OBJ_ID, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { currentFrame, registerAt, type State } from './state.ts'
import { hitStruct, type StructEntry } from './structs.ts'
import { tnumText } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'

/** Checks a load or store of a struct through register `reg`. @throws Rejection */
export function accessObject(walk: Walk, state: State, reg: number, off: number, size: number, write: boolean): void {
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
  const hit = hitStruct(entry.btf, entry.type, where, size)
  // What a member of an object says is nothing to rely on: for the program's own objects it is a number.
  if (hit === 'pointer' && !owned) fail('not-implemented', { name: 'pointers loaded from untrusted structs' })
}

function refuseSpecialMembers({ fields }: StructEntry, off: number, size: number): void {
  const field = fields.find((one) => off < one.offset + one.size && one.offset < off + size)
  if (field !== undefined) fail('object-direct', { field: field.kind })
}
