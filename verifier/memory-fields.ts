/**
 * Accesses to memory that holds special fields (program/special-fields.ts). Pointers to objects (`kptr`) may be loaded
 * whole, by a plain load; all else goes through helpers. Kinds that nothing here works with yet are refused by name.
 * Source: Linux 6.18, observed.
 */
import type { MapInfo } from '../program/loadable.ts'
import { type SpecialField, specialFields } from '../program/special-fields.ts'
import { fail } from './errors.ts'
import { BTF_ID, ID, OFF, RegType, TypeFlag, UMAX_LO, UMIN_LO, VALUE_LO } from './layout.ts'
import { currentFrame, newId, registerAt, type State } from './state.ts'
import { tnumIsConst } from './tnum.ts'
import type { Walk } from './walk-env.ts'
import { makePointer } from './walk-registers.ts'

const found = new WeakMap<MapInfo, readonly SpecialField[]>()

/** The special fields of a map's values. */
export function fieldsOf(map: MapInfo): readonly SpecialField[] {
  let fields = found.get(map)
  if (fields === undefined) {
    fields = specialFields(map.btf, map.valueTypeId)
    found.set(map, fields)
  }
  return fields
}

/** @throws Rejection when the map's value holds a field that harena does not work with */
export function refuseSpecialFields(map: MapInfo): void {
  for (const field of fieldsOf(map)) {
    if (field.kind !== 'kptr') fail('not-implemented', { name: `${field.kind} in map values` })
    // Behind a name that the object does not define is a struct of the kernel.
    const target = map.btf!.types[field.target]
    if (target?.kind !== 'struct') fail('not-implemented', { name: 'pointers to kernel structs in map values' })
  }
}

/** The first field that bytes [off + umin, off + umax + size) may touch. */
function touched(map: MapInfo, words: Int32Array, at: number, off: number, size: number): SpecialField | undefined {
  const fields = fieldsOf(map)
  if (fields.length === 0) return undefined
  const fixed = words[at + OFF]! + off
  const low = fixed + words[at + UMIN_LO]!
  const high = fixed + words[at + UMAX_LO]! + size
  return fields.find((field) => low < field.offset + field.size && field.offset < high)
}

/** A helper that gets `size` bytes of a map value must not get a special field with them. @throws Rejection */
export function checkFieldsForHelper(map: MapInfo, words: Int32Array, at: number, size: number): void {
  const field = touched(map, words, at, 0, size)
  if (field !== undefined) fail('field-indirect', { field: field.kind })
}

/** A load or store of a map value. */
export interface FieldAccess {
  readonly off: number
  readonly size: number
  readonly write: boolean
  /** Neither atomic nor sign-extending. */
  readonly plain: boolean
}

/** @returns the pointer field that is accessed; undefined when it is plain data. @throws Rejection */
export function checkFields(
  map: MapInfo,
  words: Int32Array,
  at: number,
  access: FieldAccess,
): SpecialField | undefined {
  const { off, size } = access
  const field = touched(map, words, at, off, size)
  if (field === undefined) return undefined
  if (field.kind !== 'kptr') return fail('field-direct', { field: field.kind })
  if (!tnumIsConst(words, at + VALUE_LO)) fail('kptr-variable', { field: field.kind })
  const where = words[at + OFF]! + off + words[at + VALUE_LO]!
  if (where !== field.offset) fail('kptr-misaligned', { field: field.kind, expected: field.offset, off: where })
  if (size !== field.size) fail('kptr-size', { field: field.kind })
  if (!access.plain) fail('kptr-mode', {})
  if (access.write) fail('kptr-store', {})
  return field
}

/**
 * Makes register `n` the pointer loaded from a `kptr` field. The object may be taken out and dropped at any time; it
 * lives on while the program is in a section that keeps grace periods from ending.
 */
export function loadPointerField(walk: Walk, state: State, map: MapInfo, field: SpecialField, n: number): void {
  const { words } = currentFrame(state)
  const at = registerAt(n)
  const kept = inRcu(state) ? TypeFlag.RCU | TypeFlag.ALLOC : TypeFlag.UNTRUSTED
  makePointer(words, at, RegType.BTF_ID | TypeFlag.MAYBE_NULL | kept)
  words[at + BTF_ID] = walk.prepared.structs.number(map.btf!, field.target)
  words[at + ID] = newId(state)
}

/** Grace periods do not end before the program says so, or before it ends. */
export function inRcu(state: State): boolean {
  return state.activeRcuLock || state.activeLocks > 0 || !state.inSleepable
}
