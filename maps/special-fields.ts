/**
 * Fields of a map value that the kernel keeps to itself: locks, timers, list and tree heads, kernel pointers. A
 * program must not read or write them as plain bytes, so a map whose values have one is refused until harena gives
 * them their meaning.
 */
import type { Btf } from '../btf/types.ts'
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

const SPECIAL_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr'])

/** Throws EOPNOTSUPP for a value type with such a field. */
export function checkValueType(attributes: MapAttributes): void {
  if (attributes.btf === undefined || !attributes.valueTypeId) return
  const found = specialField(attributes.btf, attributes.valueTypeId)
  if (found !== undefined) {
    throw refusal(attributes, 'EOPNOTSUPP', `harena does not implement ${found} in map values`)
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
      return target?.kind === 'type_tag' && SPECIAL_TAGS.has(target.name) ? target.name : undefined
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
