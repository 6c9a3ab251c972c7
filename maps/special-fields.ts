/**
 * Fields of a map value that the kernel keeps to itself: locks, timers, list and tree heads, kernel pointers. A
 * program must not read or write them as plain bytes, so a map whose values have one is refused where harena gives
 * them no meaning. It gives one to `kptr` fields for structs of the program (value-fields.ts).
 */
import type { Btf } from '../btf/types.ts'
import { specialFields } from '../program/special-fields.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { type MapAttributes, refusal } from './map.ts'

/** Structs that mean something in a map value on Linux 6.18. */
const SPECIAL_STRUCTS: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_rb_root',
  'bpf_refcount',
])

const SPECIAL_TAGS: ReadonlySet<string> = new Set(['kptr_untrusted', 'percpu_kptr', 'uptr'])

/** Throws EOPNOTSUPP for a value type with such a field; EACCES for a kptr in a map that programs only read or write. */
export function checkValueType(attributes: MapAttributes): void {
  if (attributes.btf === undefined || !attributes.valueTypeId) return
  const found = specialField(attributes.btf, attributes.valueTypeId)
  if (found !== undefined) {
    throw refusal(attributes, 'EOPNOTSUPP', `harena does not implement ${found} in map values`)
  }
  const oneWay = (attributes.flags & (MAP_FLAGS.rdonly_prog | MAP_FLAGS.wronly_prog)) !== 0
  if (oneWay && specialFields(attributes.btf, attributes.valueTypeId).length > 0) {
    throw refusal(attributes, 'EACCES', 'values with kptr fields that programs may only read, or only write')
  }
}

/** The name of the first special struct or tag in a type, at any depth by value; pointers are not followed. */
export function specialField(btf: Btf, id: number): string | undefined {
  const type = btf.types[id]
  if (type === undefined) return undefined
  switch (type.kind) {
    case 'struct':
    case 'union':
      if (SPECIAL_STRUCTS.has(type.name)) return type.name
      for (const member of type.members) {
        const found = specialField(btf, member.type)
        if (found !== undefined) return found
      }
      return undefined
    case 'datasec':
      for (const entry of type.vars) {
        const found = specialField(btf, entry.type)
        if (found !== undefined) return found
      }
      return undefined
    case 'ptr': {
      const target = btf.types[type.type]
      if (target?.kind !== 'type_tag') return undefined
      // What the program only declares is a struct of the kernel.
      if (target.name === 'kptr') return btf.types[target.type]?.kind === 'struct' ? undefined : 'kptr'
      return SPECIAL_TAGS.has(target.name) ? target.name : undefined
    }
    case 'array':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'var':
      return specialField(btf, type.type)
    default:
      return undefined
  }
}
