/**
 * Fields that a plain load or store must not touch: locks, timers, pointers to kernel objects. They are found through
 * BTF, in map values and in objects of bpf_obj_new.
 *
 *     struct val { cnt: u64; p: ptr item kptr; }   ->   [{ kind: 'kptr', offset: 8, size: 8, target: id of item }]
 *
 * Source: Linux 6.18, observed.
 */
import type { Btf, BtfType } from '../btf/types.ts'

/** Structs that are special by their name. */
const SPECIAL_STRUCTS = [
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
] as const
/** Pointers that are special by their tag. */
const SPECIAL_TAGS = ['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr'] as const

export type SpecialFieldKind = (typeof SPECIAL_STRUCTS)[number] | (typeof SPECIAL_TAGS)[number]

export interface SpecialField {
  readonly kind: SpecialFieldKind
  /** In bytes from the start of the value. */
  readonly offset: number
  /** In bytes; 0 for a struct that is only declared. */
  readonly size: number
  /** Of a pointer: BTF id of what it points to. */
  readonly target: number
}

/** Types nest no deeper in any value that Linux takes. */
const MAX_NESTING = 32
/** Elements of an array that are looked at: Linux takes no value with more special fields than a few. */
const MAX_ELEMENTS = 64
const POINTER_SIZE = 8

/** The special fields of a value of the type, by ascending offset; none for type 0. */
export function specialFields(btf: Btf | undefined, typeId: number): readonly SpecialField[] {
  if (btf === undefined || typeId === 0) return []
  const found: SpecialField[] = []
  collect(btf, typeId, 0, 0, found)
  return found.sort((a, b) => a.offset - b.offset)
}

function collect(btf: Btf, id: number, offset: number, depth: number, found: SpecialField[]): void {
  const type = btf.types[id]
  if (type === undefined || depth > MAX_NESTING) return
  const visit = (inner: number, at: number): void => collect(btf, inner, at, depth + 1, found)
  switch (type.kind) {
    case 'struct':
    case 'union': {
      const kind = SPECIAL_STRUCTS.find((name) => name === type.name)
      if (kind !== undefined) found.push({ kind, offset, size: type.size, target: 0 })
      else for (const member of type.members) visit(member.type, offset + member.offset / 8)
      return
    }
    case 'array': {
      const size = elementSize(btf, type.type, depth)
      for (let i = 0; i < Math.min(type.count, MAX_ELEMENTS); i++) visit(type.type, offset + i * size)
      return
    }
    case 'typedef':
    case 'const':
    case 'volatile':
    case 'var':
      visit(type.type, offset)
      return
    case 'datasec':
      for (const variable of type.vars) visit(variable.type, offset + variable.offset)
      return
    case 'ptr': {
      const field = pointerField(btf, type, offset)
      if (field !== undefined) found.push(field)
      return
    }
    default:
  }
}

function pointerField(btf: Btf, type: Extract<BtfType, { kind: 'ptr' }>, offset: number): SpecialField | undefined {
  const tag = btf.types[type.type]
  if (tag?.kind !== 'type_tag') return undefined
  const kind = SPECIAL_TAGS.find((name) => name === tag.name)
  return kind === undefined ? undefined : { kind, offset, size: POINTER_SIZE, target: tag.type }
}

/** Of types that can hold a special field; 0 for others, which hold none. */
function elementSize(btf: Btf, id: number, depth: number): number {
  const type = btf.types[id]
  if (type === undefined || depth > MAX_NESTING) return 0
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.size
    case 'ptr':
      return POINTER_SIZE
    case 'array':
      return type.count * elementSize(btf, type.type, depth + 1)
    case 'typedef':
    case 'const':
    case 'volatile':
      return elementSize(btf, type.type, depth + 1)
    default:
      return 0
  }
}
