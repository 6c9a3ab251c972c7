/**
 * Map values that hold something a plain load or store must not touch: locks, timers, pointers to kernel objects.
 * They are found through the map's BTF. Nothing here works with them yet, so such maps are refused by name.
 */
import type { Btf, BtfType } from '../btf/types.ts'
import type { MapInfo } from '../program/loadable.ts'
import { fail } from './errors.ts'

const SPECIAL_STRUCTS: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
])
const SPECIAL_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr'])

/** @throws Rejection when the map's value holds a special field */
export function refuseSpecialFields(map: MapInfo): void {
  if (map.btf === undefined || map.valueTypeId === 0) return
  const name = specialField(map.btf, map.valueTypeId, 0)
  if (name !== undefined) fail('not-implemented', { name: `${name} in map values` })
}

/** Types nest no deeper in any value that Linux takes. */
const MAX_NESTING = 32

function specialField(btf: Btf, id: number, depth: number): string | undefined {
  const type = btf.types[id]
  if (type === undefined || depth > MAX_NESTING) return undefined
  switch (type.kind) {
    case 'struct':
    case 'union':
      return SPECIAL_STRUCTS.has(type.name) ? type.name : specialMember(btf, type, depth)
    case 'array':
    case 'typedef':
    case 'const':
    case 'volatile':
      return specialField(btf, type.type, depth + 1)
    case 'datasec':
      return firstDefined(type.vars.map((variable) => specialField(btf, variable.type, depth + 1)))
    case 'var':
      return specialField(btf, type.type, depth + 1)
    case 'ptr': {
      const target = btf.types[type.type]
      return target?.kind === 'type_tag' && SPECIAL_TAGS.has(target.name) ? target.name : undefined
    }
    default:
      return undefined
  }
}

function specialMember(
  btf: Btf,
  type: Extract<BtfType, { kind: 'struct' | 'union' }>,
  depth: number,
): string | undefined {
  return firstDefined(type.members.map((member) => specialField(btf, member.type, depth + 1)))
}

function firstDefined(names: readonly (string | undefined)[]): string | undefined {
  return names.find((name) => name !== undefined)
}
