/** The kfuncs that harena implements, by its own numbers (program/kfuncs.ts). Registers as in helpers.ts. */
import { type Arena, NO_PAGES } from '../arena/arena.ts'
import { ERRNO } from '../errors/errors.ts'
import { KFUNCS } from '../program/kfuncs.ts'
import { returnInt } from './helpers.ts'
import { MEMORY_KFUNCS } from './kfuncs-memory.ts'
import { SECTION_KFUNCS } from './kfuncs-sections.ts'
import type { MakeNative, Services } from './services.ts'
import { type Native, spend } from './state.ts'

const KFUNC_MAKERS: Readonly<Record<string, MakeNative>> = {
  bpf_arena_alloc_pages: allocPages,
  bpf_arena_free_pages: freePages,
  bpf_arena_reserve_pages: reservePages,
  ...MEMORY_KFUNCS,
  ...SECTION_KFUNCS,
}

/** Names of the kfuncs that engines run. */
export const IMPLEMENTED_KFUNCS: ReadonlySet<string> = new Set(Object.keys(KFUNC_MAKERS))

/** The kfuncs of one machine, by number. Those without an implementation are refused by name before they are called. */
export function makeKfuncs(services: Services): ReadonlyMap<number, Native> {
  return new Map(
    KFUNCS.flatMap(({ id, name }) => {
      const make = KFUNC_MAKERS[name]
      return make === undefined ? [] : [[id, make(services)] as const]
    }),
  )
}

/** The arena in r1. Any map passes the verifier here; what is no arena does nothing, as on Linux. */
function arenaOf(services: Services, R: Int32Array): Arena | undefined {
  return services.arenaAt(R[2]! >>> 0)
}

/** Units of work in so many pages: each is cleared. No more pages than the arena has are touched. */
function workOf(arena: Arena | undefined, pages: number): number {
  return 8 * Math.min(pages >>> 0, arena?.windowPages ?? 0)
}

/** void *bpf_arena_alloc_pages(map, addr, u32 page_cnt, int node_id, u64 flags): a user address, or NULL */
function allocPages(services: Services): Native {
  return (R, state) => {
    const arena = arenaOf(services, R)
    spend(state, workOf(arena, R[6]!))
    const low = arena?.allocPages(R[4]!, R[5]!, R[6]!, R[8]!, R[10]!, R[11]!) ?? NO_PAGES
    R[0] = low === NO_PAGES ? 0 : low | 0
    R[1] = low === NO_PAGES ? 0 : arena!.userHigh
  }
}

/** void bpf_arena_free_pages(map, ptr, u32 page_cnt) */
function freePages(services: Services): Native {
  return (R, state) => {
    const arena = arenaOf(services, R)
    spend(state, workOf(arena, R[6]!))
    arena?.freePages(R[4]!, R[5]!, R[6]!)
  }
}

/** int bpf_arena_reserve_pages(map, ptr, u32 page_cnt): 0 or a negative error number */
function reservePages(services: Services): Native {
  return (R) => returnInt(R, arenaOf(services, R)?.reservePages(R[4]!, R[5]!, R[6]!) ?? -ERRNO.EINVAL)
}
