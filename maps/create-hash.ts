/** Creation of hash maps: which supply of elements a map gets. */
import type { Kernel } from '../memalloc/kernel.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { makeHashMap } from './hash.ts'
import { checkHash, isLru, isPerCpuHash } from './hash-check.ts'
import { makeLruHashMap } from './lru-hash.ts'
import type { BpfMap, MapAttributes } from './map.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'

export interface HashOptions {
  /** 32 random bits: where the hash starts, so that nobody can know which keys meet in one bucket. */
  readonly random?: () => number
  /** Where elements come from; default what the map's flags say (`flags`). */
  readonly elements?: SupplyName | 'flags' | undefined
  /** Maps that ask for preallocation get bpf_mem_alloc (2022: force_dyn_alloc); default false. */
  readonly forceDynamic?: boolean | undefined
}

/** Throws ErrnoError as Linux refuses: EINVAL, ENOTSUPP, E2BIG, ENOMEM. */
export function createHashMap(kernel: Kernel, attributes: MapAttributes, options: HashOptions = {}): BpfMap {
  checkHash(attributes)
  const zeroSeed = (attributes.flags & MAP_FLAGS.zero_seed) !== 0
  const seed = zeroSeed ? 0 : (options.random?.() ?? 0) | 0
  const perCpu = isPerCpuHash(attributes.type)
  if (isLru(attributes.type)) {
    const ownLists = (attributes.flags & MAP_FLAGS.no_common_lru) !== 0
    return makeLruHashMap(kernel, attributes, { perCpu, ownLists, seed })
  }
  const { fixed, make } = SUPPLIES[supplyOf(attributes, options)]
  return makeHashMap(kernel, attributes, { perCpu, seed, fixed, makeSupply: make })
}

function supplyOf({ flags }: MapAttributes, { elements, forceDynamic }: HashOptions): SupplyName {
  if (elements !== undefined && elements !== 'flags') return elements
  const dynamic = forceDynamic === true || (flags & MAP_FLAGS.no_prealloc) !== 0
  return dynamic ? 'bpf_mem_alloc' : 'prealloc'
}
