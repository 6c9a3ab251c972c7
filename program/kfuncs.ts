/**
 * The kfuncs that harena implements, and the names of those it only knows of. Data; see prototypes.ts.
 * Source: BTF of Linux 6.18.44.
 */
import type { KfuncPrototype } from './prototypes.ts'

/** Program types that may have objects of their own: not socket filters, kprobes and their like. */
const GENERIC: readonly string[] = [
  'syscall',
  'xdp',
  'sched_cls',
  'tracepoint',
  'perf_event',
  'tp_btf',
  'iter',
  'fentry',
  'fexit',
  'fmod_ret',
  'lsm',
]

export const KFUNCS: readonly KfuncPrototype[] = [
  {
    id: 1,
    name: 'bpf_arena_alloc_pages',
    // void *p__map, void *addr__ign, u32 page_cnt, int node_id, u64 flags
    params: [{ kind: 'map' }, { kind: 'ignored' }, { kind: 'scalar' }, { kind: 'scalar' }, { kind: 'scalar' }],
    ret: 'pointer',
    flags: ['trusted_args', 'sleepable'],
  },
  {
    id: 2,
    name: 'bpf_arena_free_pages',
    // void *p__map, void *ptr__ign, u32 page_cnt
    params: [{ kind: 'map' }, { kind: 'ignored' }, { kind: 'scalar' }],
    ret: 'void',
    flags: ['trusted_args', 'sleepable'],
  },
  {
    id: 3,
    name: 'bpf_arena_reserve_pages',
    // void *p__map, void *ptr__ign, u32 page_cnt
    params: [{ kind: 'map' }, { kind: 'ignored' }, { kind: 'scalar' }],
    ret: 'scalar',
    flags: ['trusted_args', 'sleepable'],
  },
  {
    id: 4,
    name: 'bpf_obj_new_impl',
    // u64 local_type_id__k, void *meta__ign
    params: [{ kind: 'constant' }, { kind: 'ignored' }],
    ret: 'object',
    flags: ['acquire', 'ret_null'],
    available: GENERIC,
  },
  {
    id: 5,
    name: 'bpf_obj_drop_impl',
    // void *p__alloc, void *meta__ign
    params: [{ kind: 'object' }, { kind: 'ignored' }],
    ret: 'void',
    flags: ['release'],
    available: GENERIC,
  },
  { id: 6, name: 'bpf_rcu_read_lock', params: [], ret: 'void', flags: [], section: 'rcu_lock' },
  { id: 7, name: 'bpf_rcu_read_unlock', params: [], ret: 'void', flags: [], section: 'rcu_unlock' },
  { id: 8, name: 'bpf_preempt_disable', params: [], ret: 'void', flags: [], section: 'preempt_disable' },
  { id: 9, name: 'bpf_preempt_enable', params: [], ret: 'void', flags: [], section: 'preempt_enable' },
  // unsigned long *flags__irq_flag
  { id: 10, name: 'bpf_local_irq_save', params: [{ kind: 'irq_flag', does: 'save' }], ret: 'void', flags: [] },
  { id: 11, name: 'bpf_local_irq_restore', params: [{ kind: 'irq_flag', does: 'restore' }], ret: 'void', flags: [] },
  {
    id: 12,
    name: 'bpf_mem_alloc',
    // u32 size
    params: [{ kind: 'alloc_size' }],
    ret: 'memory',
    flags: ['acquire', 'ret_null'],
    own: true,
  },
  {
    id: 13,
    name: 'bpf_mem_free',
    // void *p
    params: [{ kind: 'alloc_memory' }],
    ret: 'void',
    flags: ['release'],
    own: true,
  },
  {
    id: 14,
    name: 'bpf_mem_cache_alloc',
    // struct bpf_mem_alloc *alloc
    params: [{ kind: 'allocator', orNull: false }],
    ret: 'memory',
    flags: ['acquire', 'ret_null'],
    own: true,
  },
  {
    id: 15,
    name: 'bpf_mem_cache_free',
    // struct bpf_mem_alloc *alloc, void *p
    params: [{ kind: 'allocator', orNull: false }, { kind: 'alloc_memory' }],
    ret: 'void',
    flags: ['release'],
    own: true,
  },
  {
    id: 16,
    name: 'bpf_mem_prefill',
    // struct bpf_mem_alloc *alloc (or 0), u32 size, u32 count
    params: [{ kind: 'allocator', orNull: true }, { kind: 'alloc_size' }, { kind: 'scalar' }],
    ret: 'scalar',
    flags: [],
    own: true,
  },
]

/** True for kfuncs that are harena's own. Linux has functions of such names, and they are not kfuncs. */
export function isOwnKfunc(name: string): boolean {
  return byName.get(name)?.own === true
}

const byName: ReadonlyMap<string, KfuncPrototype> = new Map(KFUNCS.map((row) => [row.name, row]))
const byId: ReadonlyMap<number, KfuncPrototype> = new Map(KFUNCS.map((row) => [row.id, row]))

/** The kfunc called `name`; names that end in `_impl` may leave that out. */
export function kfuncNamed(name: string): KfuncPrototype | undefined {
  return byName.get(kfuncAlias(name))
}

export function kfuncById(id: number): KfuncPrototype | undefined {
  return byId.get(id)
}

/**
 * kfuncs of Linux 6.18, those of its congestion control and its own tests aside. Those without a row in KFUNCS are
 * refused at load: `harena does not implement NAME`. Source: functions tagged `bpf_kfunc` in the BTF of 6.18.44.
 */
export const LINUX_KFUNC_NAMES: readonly string[] = [
  '__bpf_trap',
  'bpf_arena_alloc_pages',
  'bpf_arena_free_pages',
  'bpf_arena_reserve_pages',
  'bpf_cast_to_kern_ctx',
  'bpf_cgroup_acquire',
  'bpf_cgroup_ancestor',
  'bpf_cgroup_from_id',
  'bpf_cgroup_read_xattr',
  'bpf_cgroup_release',
  'bpf_copy_from_user_dynptr',
  'bpf_copy_from_user_str',
  'bpf_copy_from_user_str_dynptr',
  'bpf_copy_from_user_task_dynptr',
  'bpf_copy_from_user_task_str',
  'bpf_copy_from_user_task_str_dynptr',
  'bpf_cpumask_acquire',
  'bpf_cpumask_and',
  'bpf_cpumask_any_and_distribute',
  'bpf_cpumask_any_distribute',
  'bpf_cpumask_clear',
  'bpf_cpumask_clear_cpu',
  'bpf_cpumask_copy',
  'bpf_cpumask_create',
  'bpf_cpumask_empty',
  'bpf_cpumask_equal',
  'bpf_cpumask_first',
  'bpf_cpumask_first_and',
  'bpf_cpumask_first_zero',
  'bpf_cpumask_full',
  'bpf_cpumask_intersects',
  'bpf_cpumask_or',
  'bpf_cpumask_populate',
  'bpf_cpumask_release',
  'bpf_cpumask_set_cpu',
  'bpf_cpumask_setall',
  'bpf_cpumask_subset',
  'bpf_cpumask_test_and_clear_cpu',
  'bpf_cpumask_test_and_set_cpu',
  'bpf_cpumask_test_cpu',
  'bpf_cpumask_weight',
  'bpf_cpumask_xor',
  'bpf_crypto_ctx_acquire',
  'bpf_crypto_ctx_create',
  'bpf_crypto_ctx_release',
  'bpf_crypto_decrypt',
  'bpf_crypto_encrypt',
  'bpf_ct_change_status',
  'bpf_ct_change_timeout',
  'bpf_ct_insert_entry',
  'bpf_ct_release',
  'bpf_ct_set_nat_info',
  'bpf_ct_set_status',
  'bpf_ct_set_timeout',
  'bpf_dynptr_adjust',
  'bpf_dynptr_clone',
  'bpf_dynptr_copy',
  'bpf_dynptr_from_skb',
  'bpf_dynptr_from_skb_meta',
  'bpf_dynptr_from_xdp',
  'bpf_dynptr_is_null',
  'bpf_dynptr_is_rdonly',
  'bpf_dynptr_memset',
  'bpf_dynptr_size',
  'bpf_dynptr_slice',
  'bpf_dynptr_slice_rdwr',
  'bpf_get_dentry_xattr',
  'bpf_get_file_xattr',
  'bpf_get_kmem_cache',
  'bpf_get_task_exe_file',
  'bpf_iter_bits_destroy',
  'bpf_iter_bits_new',
  'bpf_iter_bits_next',
  'bpf_iter_css_destroy',
  'bpf_iter_css_new',
  'bpf_iter_css_next',
  'bpf_iter_css_task_destroy',
  'bpf_iter_css_task_new',
  'bpf_iter_css_task_next',
  'bpf_iter_dmabuf_destroy',
  'bpf_iter_dmabuf_new',
  'bpf_iter_dmabuf_next',
  'bpf_iter_kmem_cache_destroy',
  'bpf_iter_kmem_cache_new',
  'bpf_iter_kmem_cache_next',
  'bpf_iter_num_destroy',
  'bpf_iter_num_new',
  'bpf_iter_num_next',
  'bpf_iter_task_destroy',
  'bpf_iter_task_new',
  'bpf_iter_task_next',
  'bpf_iter_task_vma_destroy',
  'bpf_iter_task_vma_new',
  'bpf_iter_task_vma_next',
  'bpf_key_put',
  'bpf_list_back',
  'bpf_list_front',
  'bpf_list_pop_back',
  'bpf_list_pop_front',
  'bpf_list_push_back_impl',
  'bpf_list_push_front_impl',
  'bpf_local_irq_restore',
  'bpf_local_irq_save',
  'bpf_lookup_system_key',
  'bpf_lookup_user_key',
  'bpf_map_sum_elem_count',
  'bpf_obj_drop_impl',
  'bpf_obj_new_impl',
  'bpf_path_d_path',
  'bpf_percpu_obj_drop_impl',
  'bpf_percpu_obj_new_impl',
  'bpf_preempt_disable',
  'bpf_preempt_enable',
  'bpf_probe_read_kernel_dynptr',
  'bpf_probe_read_kernel_str_dynptr',
  'bpf_probe_read_user_dynptr',
  'bpf_probe_read_user_str_dynptr',
  'bpf_put_file',
  'bpf_rbtree_add_impl',
  'bpf_rbtree_first',
  'bpf_rbtree_left',
  'bpf_rbtree_remove',
  'bpf_rbtree_right',
  'bpf_rbtree_root',
  'bpf_rcu_read_lock',
  'bpf_rcu_read_unlock',
  'bpf_rdonly_cast',
  'bpf_refcount_acquire_impl',
  'bpf_remove_dentry_xattr',
  'bpf_res_spin_lock',
  'bpf_res_spin_lock_irqsave',
  'bpf_res_spin_unlock',
  'bpf_res_spin_unlock_irqrestore',
  'bpf_send_signal_task',
  'bpf_session_cookie',
  'bpf_session_is_return',
  'bpf_set_dentry_xattr',
  'bpf_sk_assign_tcp_reqsk',
  'bpf_skb_ct_alloc',
  'bpf_skb_ct_lookup',
  'bpf_sock_addr_set_sun_path',
  'bpf_sock_destroy',
  'bpf_sock_ops_enable_tx_tstamp',
  'bpf_strcasecmp',
  'bpf_strchr',
  'bpf_strchrnul',
  'bpf_strcmp',
  'bpf_strcspn',
  'bpf_stream_vprintk_impl',
  'bpf_strlen',
  'bpf_strnchr',
  'bpf_strnlen',
  'bpf_strnstr',
  'bpf_strrchr',
  'bpf_strspn',
  'bpf_strstr',
  'bpf_task_acquire',
  'bpf_task_from_pid',
  'bpf_task_from_vpid',
  'bpf_task_get_cgroup1',
  'bpf_task_release',
  'bpf_task_under_cgroup',
  'bpf_task_work_schedule_resume_impl',
  'bpf_task_work_schedule_signal_impl',
  'bpf_throw',
  'bpf_wq_init',
  'bpf_wq_set_callback_impl',
  'bpf_wq_start',
  'bpf_xdp_ct_alloc',
  'bpf_xdp_ct_lookup',
  'bpf_xdp_get_xfrm_state',
  'bpf_xdp_metadata_rx_hash',
  'bpf_xdp_metadata_rx_timestamp',
  'bpf_xdp_metadata_rx_vlan_tag',
  'bpf_xdp_pull_data',
  'bpf_xdp_xfrm_state_release',
]

const linuxNames: ReadonlySet<string> = new Set(LINUX_KFUNC_NAMES)

/** A kfunc's full name: those that end in `_impl` are also known without. */
export function kfuncAlias(name: string): string {
  const full = `${name}_impl`
  return !linuxNames.has(name) && linuxNames.has(full) ? full : name
}

/** True for kfuncs that Linux or harena has, whether or not harena implements them. */
export function isKfuncName(name: string): boolean {
  return byName.has(name) || linuxNames.has(kfuncAlias(name))
}
