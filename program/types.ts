/**
 * Program types, map types and flags by the kernel's names and numbers (Linux 6.18, uapi/linux/bpf.h).
 * Names are the kernel's in lower case, as assembly and JSON spell them.
 */

/** BPF_PROG_TYPE_* by the names that assembly uses. `attach` is the expected attach type where one is implied. */
export const PROGRAM_TYPES = {
  socket: { number: 1, key: 'socket_filter' },
  kprobe: { number: 2, key: 'kprobe' },
  tc: { number: 3, key: 'sched_cls' },
  sched_act: { number: 4, key: 'sched_act' },
  tracepoint: { number: 5, key: 'tracepoint' },
  xdp: { number: 6, key: 'xdp' },
  perf_event: { number: 7, key: 'perf_event' },
  raw_tracepoint: { number: 17, key: 'raw_tp' },
  fentry: { number: 26, key: 'fentry' },
  fexit: { number: 26, key: 'fexit' },
  lsm: { number: 29, key: 'lsm' },
  syscall: { number: 31, key: 'syscall' },
} as const
export type ProgramType = keyof typeof PROGRAM_TYPES

/** Other spellings of program types. */
export const PROGRAM_TYPE_ALIASES: Readonly<Record<string, ProgramType>> = {
  socket_filter: 'socket',
  sched_cls: 'tc',
  raw_tp: 'raw_tracepoint',
}

/** What an XDP program decides of a packet, by return value (enum xdp_action). */
export const XDP_ACTIONS = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'] as const

/**
 * What happens to a packet for which a program of this type returned `retval`, in the kernel's words; undefined for
 * types that see no packets. A socket filter says how many bytes are kept.
 */
export function packetVerdict(type: ProgramType, retval: number): string | undefined {
  switch (type) {
    case 'xdp':
      // Linux warns of other numbers and drops the packet.
      return XDP_ACTIONS[retval] ?? `XDP_ABORTED (${retval} is no action)`
    case 'socket':
      return retval === 0 ? 'dropped' : `kept, up to ${retval} bytes`
    default:
      return undefined
  }
}

/** BPF_MAP_TYPE_* */
export const MAP_TYPES = {
  hash: 1,
  array: 2,
  prog_array: 3,
  perf_event_array: 4,
  percpu_hash: 5,
  percpu_array: 6,
  stack_trace: 7,
  cgroup_array: 8,
  lru_hash: 9,
  lru_percpu_hash: 10,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  cgroup_storage: 19,
  reuseport_sockarray: 20,
  percpu_cgroup_storage: 21,
  queue: 22,
  stack: 23,
  sk_storage: 24,
  devmap_hash: 25,
  struct_ops: 26,
  ringbuf: 27,
  inode_storage: 28,
  task_storage: 29,
  bloom_filter: 30,
  user_ringbuf: 31,
  cgrp_storage: 32,
  arena: 33,
} as const
export type MapType = keyof typeof MAP_TYPES

/** Where elements of hash maps can come from: the values of `elements=`. */
export const ELEMENT_SUPPLIES = [
  'prealloc',
  'bpf_mem_alloc',
  'kmalloc',
  'kmalloc_nolock',
  'one-lock',
  'ida',
  'ida-nolock',
  'tags',
  'tags-packed',
  'own-slab',
  'recursion',
  'reserve',
  'irq-work',
] as const

export type SupplyName = (typeof ELEMENT_SUPPLIES)[number]

/** Map types that say where their elements come from. */
export function takesElements(type: MapType): boolean {
  return type === 'hash' || type === 'percpu_hash'
}

/** BPF_F_* of map creation, by the names that assembly uses. */
export const MAP_FLAGS = {
  no_prealloc: 0x1,
  no_common_lru: 0x2,
  numa_node: 0x4,
  rdonly: 0x8,
  wronly: 0x10,
  stack_build_id: 0x20,
  zero_seed: 0x40,
  rdonly_prog: 0x80,
  wronly_prog: 0x100,
  clone: 0x200,
  mmapable: 0x400,
  preserve_elems: 0x800,
  inner_map: 0x1000,
  link: 0x2000,
  path_fd: 0x4000,
  vtype_btf_obj_fd: 0x8000,
  token_fd: 0x10000,
  segv_on_fault: 0x20000,
  no_user_conv: 0x40000,
} as const
export type MapFlag = keyof typeof MAP_FLAGS

/** BPF_F_* of program load. */
export const PROGRAM_FLAGS = {
  strict_alignment: 0x1,
  any_alignment: 0x2,
  test_rnd_hi32: 0x4,
  test_state_freq: 0x8,
  sleepable: 0x10,
  xdp_has_frags: 0x20,
  test_reg_invariants: 0x80,
} as const
export type ProgramFlag = keyof typeof PROGRAM_FLAGS

/** Bytes in a page, everywhere in harena. */
export const PAGE_SIZE = 4096
