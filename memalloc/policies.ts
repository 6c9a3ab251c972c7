/** Settings of a machine's memory: 6.18's behaviour by default, the designs of 2016, 2022 and 2024 beside it. */

export interface MemoryPolicies {
  /** Where a bpf_mem_alloc of one size has its objects from: kmalloc's class (6.18), or a cache of its own (2022). */
  readonly slab?: 'shared' | 'own'
  /** The any-context kmalloc: as built, or as planned in 2024 (no retry in the next class, no partial list). */
  readonly nolock?: '6.18' | 'planned'
  /** Allocations of sleepable programs: the cache, the general allocator and then the cache, or the other way round. */
  readonly sleepable?: 'cache-only' | 'general-first' | 'cache-first'
  /** Watermarks by size (6.18), or moved by use (named in 2022, never built). */
  readonly watermarks?: 'fixed' | 'adaptive'
  /** Poison, red zones, and reports of frees and writes that should not be. */
  readonly debug?: boolean
}

export const DEFAULT_POLICIES: Required<MemoryPolicies> = {
  slab: 'shared',
  nolock: '6.18',
  sleepable: 'cache-only',
  watermarks: 'fixed',
  debug: false,
}

/** The values of each policy, the default first; for help texts and checks. */
export const POLICY_VALUES: Readonly<Record<keyof MemoryPolicies, readonly (string | boolean)[]>> = {
  slab: ['shared', 'own'],
  nolock: ['6.18', 'planned'],
  sleepable: ['cache-only', 'general-first', 'cache-first'],
  watermarks: ['fixed', 'adaptive'],
  debug: [false, true],
}
