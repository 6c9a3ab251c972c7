/**
 * The kfuncs that harena implements, and the names of those it only knows of. Data; see prototypes.ts.
 * Source: BTF of Linux 6.18.44.
 */
import type { KfuncPrototype } from './prototypes.ts'

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
]

const byName: ReadonlyMap<string, KfuncPrototype> = new Map(KFUNCS.map((row) => [row.name, row]))
const byId: ReadonlyMap<number, KfuncPrototype> = new Map(KFUNCS.map((row) => [row.id, row]))

export function kfuncNamed(name: string): KfuncPrototype | undefined {
  return byName.get(name)
}

export function kfuncById(id: number): KfuncPrototype | undefined {
  return byId.get(id)
}
