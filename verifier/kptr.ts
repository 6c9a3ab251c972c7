/**
 * bpf_kptr_xchg(place, pointer): puts an object into a field that holds one, and takes out what was there.
 *
 *     r1 = place of a `kptr` field    in a map value, or in an object that the program holds
 *     r2 = the new object, or 0       given up by the program
 *     r0 = the old one, or null       the program's from now on
 *
 * Source: Linux 6.18, observed.
 */
import type { SpecialField } from '../program/special-fields.ts'
import { fail } from './errors.ts'
import type { HelperCall } from './helper-args.ts'
import { BTF_ID, baseType, ID, MAP, OFF, REF_OBJ_ID, RegType, TYPE, TypeFlag, VALUE_LO } from './layout.ts'
import { fieldsOf } from './memory-fields.ts'
import { currentFrame, newId, registerAt, type State } from './state.ts'
import type { StructEntry } from './structs.ts'
import { typeName } from './text.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'
import { isZero, makePointer } from './walk-registers.ts'

/** The place in register `n`: notes in `call` which struct belongs there. @throws Rejection */
export function checkPlace(walk: Walk, state: State, call: HelperCall, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  const type = words[at + TYPE]!
  const inMap = baseType(type) === RegType.MAP_VALUE
  if (!tnumIsConst(words, at + VALUE_LO)) fail('kptr-place-variable', { reg: n })
  const object = inMap ? undefined : walk.prepared.structs.entry(words[at + BTF_ID]!)
  const map = inMap ? walk.prepared.maps[words[at + MAP]! - 1]! : undefined
  if (map !== undefined && (map.btf === undefined || map.valueTypeId === 0))
    fail('kptr-without-btf', { name: map.name })
  const fields = (map === undefined ? object!.fields : fieldsOf(map)).filter(isPointerField)
  if (fields.length === 0) fail('kptr-none', { reg: n })
  const off = words[at + OFF]! + words[at + VALUE_LO]!
  const field = fields.find((one) => one.offset === off)
  if (field === undefined) fail('kptr-place', { off })
  else call.struct = walk.prepared.structs.number((map?.btf ?? object?.btf)!, field.target)
}

function isPointerField({ kind }: SpecialField): boolean {
  return kind === 'kptr'
}

/** The new object in register `n`: of the place's struct, from its start, and the program's own. @throws Rejection */
export function checkObject(walk: Walk, state: State, call: HelperCall, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  if (isZero(words, at)) return
  const type = words[at + TYPE]!
  if (baseType(type) !== RegType.BTF_ID || (type & ~0xff & ~KNOWN_FLAGS) !== 0) {
    fail('argument-type', { reg: n, type: typeName(type), expected: 'ptr_, trusted_ptr_, rcu_ptr_' })
  }
  // Linux takes these for a fault of its own.
  if ((type & (TypeFlag.RCU | TypeFlag.MAYBE_NULL)) !== 0) fail('kptr-flags', {})
  const given = walk.prepared.structs.entry(words[at + BTF_ID]!)
  const wanted = walk.prepared.structs.entry(call.struct)
  if (!sameStruct(given, wanted) || words[at + OFF] !== 0) {
    const [actual, expected] = [`ptr_${given.type.name}`, `ptr_${wanted.type.name}`]
    fail('kptr-type', { reg: n, type: actual, expected })
  }
  if (words[at + REF_OBJ_ID] === 0) fail('release-unreferenced', { reg: n })
  call.released = words[at + REF_OBJ_ID]!
}

/** Flags of pointers that get past the first look. */
const KNOWN_FLAGS: number = TypeFlag.ALLOC | TypeFlag.MAYBE_NULL | TypeFlag.RCU | TypeFlag.TRUSTED

function sameStruct(a: StructEntry, b: StructEntry): boolean {
  return a.btf === b.btf && a.id === b.id
}

/** r0 becomes the object that was there, or null. */
export function setObjectResult(state: State, struct: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(0)
  makePointer(words, at, RegType.BTF_ID | TypeFlag.ALLOC | TypeFlag.MAYBE_NULL)
  words[at + BTF_ID] = struct
  words[at + ID] = newId(state)
}
