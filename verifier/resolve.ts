/**
 * The pass over all instructions, reachable or not, that finds unknown opcodes and resolves what LD_IMM64 stands for:
 * which maps the program uses, and whether it may. Source: Linux 6.18, observed.
 *
 *     slot 4: r1 = map[fd] ----> bindings.get(4) ----> maps[0] ----> MAP word 1 in registers
 *
 * Faults of reachable and of dead code count alike here; reserved fields of all other instructions are looked at only
 * when the walk gets to them.
 */
import type { Btf } from '../btf/types.ts'
import type { Instruction, Slot } from '../isa/instruction.ts'
import { Class, Mode, Pseudo } from '../isa/opcode.ts'
import { Kind } from '../isa/table.ts'
import type { AllocInfo, LoadableProgram, MapInfo } from '../program/loadable.ts'
import { MAP_TYPES, type MapType, PAGE_SIZE, PROGRAM_FLAGS, type ProgramType } from '../program/types.ts'
import { fail } from './errors.ts'

/** Most maps of a program. */
const MAX_MAPS = 64
/** First offset into a map's value that no LD_IMM64 may have. */
const MAX_VALUE_OFFSET = 2 ** 29

const TRACING_TYPES: ReadonlySet<ProgramType> = new Set(['kprobe', 'tracepoint', 'perf_event', 'raw_tracepoint'])

const SLEEPABLE_MAPS: ReadonlySet<MapType> = new Set([
  'hash',
  'lru_hash',
  'array',
  'percpu_hash',
  'lru_percpu_hash',
  'percpu_array',
  'array_of_maps',
  'hash_of_maps',
  'ringbuf',
  'user_ringbuf',
  'inode_storage',
  'sk_storage',
  'task_storage',
  'cgrp_storage',
  'queue',
  'stack',
  'arena',
])

export interface Resolved {
  /** Maps in the order in which the program names them; the MAP word of a register is an index here, plus 1. */
  readonly maps: readonly MapInfo[]
  readonly arena: MapInfo | undefined
  /** Allocators in the order in which the program names them. */
  readonly allocs: readonly AllocInfo[]
  /** By slot of an LD_IMM64 of a map: its index in `maps`, plus 1; 0 for other slots. */
  readonly mapAt: Uint8Array
}

/** @throws Rejection for the first instruction that Linux refuses in this pass */
export function resolveImmediates(program: LoadableProgram): Resolved {
  const { insns } = program
  const maps: MapInfo[] = []
  const mapAt = new Uint8Array(insns.length)
  for (let slot = 0; slot < insns.length; slot++) {
    const insn = insns[slot]!
    if ((insn.opcode & 0x07) === Class.LDX && !isPlainLoad(insn)) fail('reserved-fields', { class: 'BPF_LDX' })
    if (insn.row.kind === Kind.LD_IMM64) {
      checkSecondHalf(insns[slot + 1])
      mapAt[slot] = resolveWide(program, insn, slot, maps)
      slot++
    } else if (insn.row.kind === Kind.UNKNOWN || insn.row.kind === Kind.CALLX || insn.row.kind === Kind.LD_IMM64_HI) {
      fail('unknown-opcode', { opcode: insn.opcode })
    }
  }
  return { maps, allocs: allocators(program), mapAt, arena: maps.find((map) => map.type === 'arena') }
}

function allocators(program: LoadableProgram): AllocInfo[] {
  const found = new Set<AllocInfo>()
  for (const binding of program.bindings.values()) if (binding.kind === 'alloc') found.add(binding.alloc)
  return [...found]
}

/** Bits of an opcode byte that hold the mode of a load. */
const MODE = 0xe0

/** Loads alone have their reserved fields checked here, an undefined mode among them. */
function isPlainLoad(insn: Instruction): boolean {
  const mode = insn.opcode & MODE
  return (mode === Mode.MEM || mode === Mode.MEMSX) && insn.imm === 0
}

function checkSecondHalf(second: Instruction | undefined): void {
  if (second === undefined) fail('bad-ld-imm64', {})
  if (second.opcode !== 0 || second.dst !== 0 || second.src !== 0 || second.off !== 0) fail('bad-ld-imm64', {})
}

/**
 * Index, plus 1, of the map that an LD_IMM64 names; 0 when it names none. The form is checked before the map, the map
 * before the offset into its value.
 */
function resolveWide(program: LoadableProgram, insn: Instruction, slot: Slot, maps: MapInfo[]): number {
  if (!insn.exact) fail('unrecognized-ld-imm64', {})
  switch (insn.row.pseudo) {
    case Pseudo.NONE:
    case Pseudo.FUNC:
      return 0
    case Pseudo.BTF_ID:
      // Addresses of kernel variables: there is no kernel here that has any.
      return fail('not-implemented', { name: 'BPF_PSEUDO_BTF_ID' })
    case Pseudo.MAP_FD:
    case Pseudo.MAP_IDX:
      if (insn.imm2 !== 0) fail('unrecognized-ld-imm64', {})
      break
    case Pseudo.MAP_VALUE:
    case Pseudo.MAP_IDX_VALUE:
      break
    default:
      insn.row.pseudo satisfies never
  }
  const binding = program.bindings.get(slot)
  if (binding === undefined && insn.row.pseudo >= Pseudo.MAP_IDX) fail('fd-array-missing', {})
  if (binding?.kind !== 'map' && binding?.kind !== 'map-value') {
    return fail('bad-map-fd', { fd: binding?.kind === 'bad-fd' ? binding.fd : insn.imm }, { errno: 'EBADF' })
  }
  const index = useMap(program, binding.map, maps)
  if (binding.kind === 'map-value') checkDirectValue(binding.map, binding.offset >>> 0)
  return index + 1
}

/** Index of `map` in `maps`, where it is entered when it is new. */
function useMap(program: LoadableProgram, map: MapInfo, maps: MapInfo[]): number {
  const known = maps.indexOf(map)
  if (known >= 0) return known
  if (maps.length === MAX_MAPS) fail('too-many-maps', { limit: MAX_MAPS })
  checkCompatible(program, map, maps)
  maps.push(map)
  return maps.length - 1
}

/** Which maps a program type may have at all, in the kernel's order. */
function checkCompatible(program: LoadableProgram, map: MapInfo, maps: readonly MapInfo[]): void {
  const fields = map.btf === undefined ? new Set<string>() : structsWithin(map.btf, map.valueTypeId)
  const tracing = TRACING_TYPES.has(program.type)
  const refuse = (who: string, what: string): never => fail('map-not-for-program', { who, what })
  if (tracing && (fields.has('bpf_list_head') || fields.has('bpf_rb_root'))) {
    refuse('tracing progs', 'bpf_{list_head,rb_root}')
  }
  if (fields.has('bpf_spin_lock') || fields.has('bpf_res_spin_lock')) {
    if (program.type === 'socket') refuse('socket filter progs', 'bpf_spin_lock')
    if (tracing) refuse('tracing progs', 'bpf_spin_lock')
  }
  if (tracing && fields.has('bpf_timer')) refuse('tracing progs', 'bpf_timer')
  if (tracing && fields.has('bpf_wq')) refuse('tracing progs', 'bpf_wq')
  if (map.type === 'struct_ops') fail('struct-ops-map', {})
  const sleepable = program.type === 'syscall' || (program.flags & PROGRAM_FLAGS.sleepable) !== 0
  if (sleepable && !SLEEPABLE_MAPS.has(map.type)) fail('sleepable-map', {})
  if (isCgroupStorage(map.type) && maps.some((other) => other.type === map.type)) fail('one-cgroup-storage', {})
  if (map.type === 'arena') {
    // A second arena is told before its missing address.
    if (maps.some((other) => other.type === 'arena')) fail('one-arena', {})
    if (map.userStart === undefined) fail('arena-unmapped', {})
  }
}

function isCgroupStorage(type: MapType): boolean {
  return MAP_TYPES[type] === MAP_TYPES.cgroup_storage || MAP_TYPES[type] === MAP_TYPES.percpu_cgroup_storage
}

/** Names of the structs that a type is made of, itself included. */
function structsWithin(btf: Btf, typeId: number): ReadonlySet<string> {
  const names = new Set<string>()
  const seen = new Set<number>()
  const visit = (id: number): void => {
    const type = btf.types[id]
    if (type === undefined || seen.has(id)) return
    seen.add(id)
    if (type.kind === 'struct' || type.kind === 'union') {
      names.add(type.name)
      for (const member of type.members) visit(member.type)
    } else if (type.kind === 'array' || type.kind === 'typedef' || type.kind === 'const' || type.kind === 'volatile') {
      visit(type.type)
    }
  }
  visit(typeId)
  return names
}

/** May the address of byte `offset` of the map's only value stand in the program? */
function checkDirectValue(map: MapInfo, offset: number): void {
  if (offset >= MAX_VALUE_OFFSET) fail('direct-offset-too-large', { offset })
  const fields = { valueSize: map.valueSize, offset }
  if (map.type === 'arena') {
    // The address right behind the last page is allowed.
    if (offset > map.maxEntries * PAGE_SIZE) fail('direct-offset-invalid', fields, { errno: 'ERANGE' })
  } else if (map.type !== 'array') {
    fail('no-direct-value', {})
  } else if (map.maxEntries !== 1) {
    fail('direct-offset-invalid', fields, { errno: 'ENOTSUPP' })
  } else if (offset >= map.valueSize) {
    fail('direct-offset-invalid', fields)
  }
}
