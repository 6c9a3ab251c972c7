/**
 * What helpers and kfuncs take and give, as data. The verifier checks calls against these rows; implementations live
 * in `vm` and `maps`, and a test holds the two together.
 *
 * Source: helper prototypes of Linux 6.18, observed; kfunc prototypes as its BTF gives them.
 */
import type { MapType } from './types.ts'

/** What a helper demands of an argument register. `memory` kinds are followed by the size that belongs to them. */
export type ArgumentKind =
  | 'anything'
  | 'ctx'
  | 'ctx_or_null'
  | 'const_map_ptr'
  | 'map_key'
  | 'map_value'
  | 'map_value_uninit'
  | 'map_value_or_null'
  | 'mem_rdonly'
  | 'mem_rdonly_or_null'
  | 'mem_write'
  | 'mem_write_or_null'
  | 'mem_uninit'
  | 'mem_fixed_rdonly'
  | 'mem_fixed_write'
  | 'mem_fixed_uninit'
  | 'const_size'
  | 'const_size_or_zero'
  | 'const_alloc_size_or_zero'
  | 'btf_id'
  | 'btf_id_or_null'
  | 'btf_id_sock_common'
  | 'btf_id_sock_common_or_null'
  | 'btf_id_sock_common_release'
  | 'percpu_btf_id'
  | 'sock_common'
  | 'func'
  | 'stack_or_null'
  | 'timer'
  | 'spin_lock'
  | 'ringbuf_mem_release'
  | 'const_str'
  | 'kptr_xchg_dest'
  | 'kptr_release_or_null'
  | 'dynptr_rdonly'
  | 'dynptr_ringbuf_release'
  | 'dynptr_local_uninit'
  | 'dynptr_ringbuf_uninit'

export interface Argument {
  readonly kind: ArgumentKind
  /** Bytes of a `mem_fixed_*` argument. */
  readonly size?: number
  /** Name of the kernel struct of a BTF argument. */
  readonly btf?: string
}

export type ReturnKind =
  | 'integer'
  | 'void'
  | 'map_value'
  | 'map_value_or_null'
  | 'sock_or_null'
  | 'tcp_sock_or_null'
  | 'sock_common_or_null'
  | 'ringbuf_mem_or_null'
  | 'dynptr_mem_or_null'
  | 'btf_ptr'
  | 'btf_ptr_or_null'
  | 'btf_ptr_trusted'
  | 'kptr_or_null'
  | 'percpu_mem_or_btf_rdonly'
  | 'percpu_mem_or_btf_or_null_rdonly'

export type HelperFlag =
  | 'pkt_access'
  | 'changes_pkt'
  | 'might_sleep'
  | 'fastcall'
  | 'acquire'
  | 'release'
  | 'ptr_cast'
  | 'sync_callback'
  | 'async_callback'
  | 'other_types_only'
  | 'name_only'

export interface HelperPrototype {
  readonly id: number
  /** With `bpf_`. */
  readonly name: string
  readonly args: readonly Argument[]
  readonly ret: ReturnKind
  readonly retBtf?: string
  readonly flags: readonly HelperFlag[]
  readonly gpl: boolean
  /** Keys of program types (PROGRAM_TYPES[...].key) that may call it. */
  readonly available: readonly string[]
  readonly mapTypes?: readonly MapType[]
  /** Range of the result, where the verifier knows one. */
  readonly retRange?: {
    readonly min?: number
    readonly max?: number | string
    readonly smin?: number
    readonly smax?: string
  }
  /** Rows that replace args, ret, flags and gpl for some program types. */
  readonly variants?: readonly {
    readonly types: readonly string[]
    readonly args: readonly Argument[]
    readonly ret: ReturnKind
    readonly gpl: boolean
    readonly flags: readonly HelperFlag[]
  }[]
}

/** How a kfunc parameter is checked. */
export type KfuncParameter =
  | { readonly kind: 'map' }
  /** `__ign`: anything, even an unset register. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'scalar' }
  /** `__k`: a number that the verifier knows. */
  | { readonly kind: 'constant' }
  /** `__alloc`: an object of bpf_obj_new that the program owns. */
  | { readonly kind: 'object' }
  /** `__irq_flag`: eight bytes of stack, set here or set before. */
  | { readonly kind: 'irq_flag'; readonly does: 'save' | 'restore' }
  /** Own: a known number of bytes that allocators give. */
  | { readonly kind: 'alloc_size' }
  /** Own: the pointer of an `.alloc`, or 0 for the machine's own where that is allowed. */
  | { readonly kind: 'allocator'; readonly orNull: boolean }
  /** Own: memory that the allocator in front of it gave, or the machine's own. */
  | { readonly kind: 'alloc_memory' }

export type KfuncFlag =
  | 'acquire'
  | 'release'
  | 'ret_null'
  | 'trusted_args'
  | 'sleepable'
  | 'destructive'
  | 'rcu'
  | 'fastcall'

/** Sections that a kfunc opens or closes. */
export type KfuncSection = 'rcu_lock' | 'rcu_unlock' | 'preempt_disable' | 'preempt_enable'

export interface KfuncPrototype {
  /** harena's own number for it, stable within a release: what `call kfunc ID` takes and the log prints. */
  readonly id: number
  readonly name: string
  readonly params: readonly KfuncParameter[]
  /**
   * `pointer` is `void *`, which the verifier treats as an unknown scalar; `object` the struct whose type id is in r1;
   * `memory` (own) bytes of the size that the arguments give.
   */
  readonly ret: 'void' | 'scalar' | 'pointer' | 'object' | 'memory'
  readonly flags: readonly KfuncFlag[]
  readonly section?: KfuncSection
  /** Keys of program types that may call it; undefined for all. */
  readonly available?: readonly string[]
  /** True for kfuncs that only harena has. */
  readonly own?: boolean
}

/** Bytes that one object of an allocator may have, by contract: 4096 less the allocator's own word. */
export const ALLOC_SIZE_MIN = 1
export const ALLOC_SIZE_MAX = 4088
/** The same of per-CPU objects: the word is not in the area that each CPU has. */
export const ALLOC_PERCPU_SIZE_MAX = 4096

/** The most bytes of an object. */
export function allocSizeMax(percpu: boolean): number {
  return percpu ? ALLOC_PERCPU_SIZE_MAX : ALLOC_SIZE_MAX
}
