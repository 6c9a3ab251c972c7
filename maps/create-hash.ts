/** Creation of hash maps: which supply of elements a map gets. */
import type { BpfMemAlloc } from '../memalloc/bpf-mem-alloc.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { ALLOC_SIZE_MAX } from '../program/prototypes.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { makeHashMap } from './hash.ts'
import { checkHash, isLru, isPerCpuHash } from './hash-check.ts'
import { HEAD_BYTES } from './hash-table.ts'
import { makeLruHashMap } from './lru-hash.ts'
import type { LruElements } from './lru-nodes.ts'
import { type BpfMap, type MapAttributes, refusal, roundUp8 } from './map.ts'
import { SUPPLIES, type SupplyName } from './supplies.ts'
import { sharedSupply } from './supply-mem-alloc.ts'

export interface HashOptions {
  /** 32 random bits: where the hash starts, so that nobody can know which keys meet in one bucket. */
  readonly random?: () => number
  /** Where elements come from; default what the map's flags say (`flags`). */
  readonly elements?: SupplyName | 'flags' | undefined
  /** Maps that ask for preallocation get bpf_mem_alloc (2022: force_dyn_alloc); default false. */
  readonly forceDynamic?: boolean | undefined
  /** Where elements of LRU maps come from; default preallocated, as on Linux. */
  readonly lruElements?: LruElements | undefined
  /** An allocator that others use too; of a map with BPF_F_NO_PREALLOC. */
  readonly alloc?: BpfMemAlloc | undefined
}

/** Throws ErrnoError as Linux refuses: EINVAL, ENOTSUPP, E2BIG, ENOMEM. */
export function createHashMap(kernel: Kernel, attributes: MapAttributes, options: HashOptions = {}): BpfMap {
  checkHash(attributes)
  const zeroSeed = (attributes.flags & MAP_FLAGS.zero_seed) !== 0
  const seed = zeroSeed ? 0 : (options.random?.() ?? 0) | 0
  const perCpu = isPerCpuHash(attributes.type)
  const { alloc } = options
  if (alloc !== undefined) {
    checkShared(attributes, alloc, perCpu)
    return makeHashMap(kernel, attributes, { perCpu, seed, fixed: false, makeSupply: sharedSupply(alloc) })
  }
  if (isLru(attributes.type)) {
    const ownLists = (attributes.flags & MAP_FLAGS.no_common_lru) !== 0
    return makeLruHashMap(kernel, attributes, { perCpu, ownLists, seed, elements: options.lruElements ?? 'prealloc' })
  }
  const { fixed, make } = SUPPLIES[supplyOf(attributes, options)]
  return makeHashMap(kernel, attributes, { perCpu, seed, fixed, makeSupply: make, random: options.random })
}

/** Refuses what an allocator of others cannot give (EINVAL). */
function checkShared(attributes: MapAttributes, alloc: BpfMemAlloc, perCpu: boolean): void {
  const wrong = (why: string): never => {
    throw refusal(attributes, 'EINVAL', `alloc ${alloc.name} ${why}`)
  }
  if ((attributes.flags & MAP_FLAGS.no_prealloc) === 0) wrong('serves maps with the flag no_prealloc')
  if (alloc.percpu && !perCpu) wrong('gives per-CPU memory, which the map has no use for')
  const bytes = sharedBytes(attributes, alloc)
  const most = alloc.size || ALLOC_SIZE_MAX
  if (bytes > most) wrong(`gives objects of ${most} bytes, and the map needs ${bytes}`)
}

/** Bytes that a map takes from the allocator for each element. */
function sharedBytes({ keySize, valueSize, type }: MapAttributes, { percpu }: BpfMemAlloc): number {
  if (percpu) return roundUp8(valueSize)
  return HEAD_BYTES + roundUp8(keySize) + (isPerCpuHash(type) ? 8 : roundUp8(valueSize))
}

function supplyOf({ flags }: MapAttributes, { elements, forceDynamic }: HashOptions): SupplyName {
  if (elements !== undefined && elements !== 'flags') return elements
  const dynamic = forceDynamic === true || (flags & MAP_FLAGS.no_prealloc) !== 0
  return dynamic ? 'bpf_mem_alloc' : 'prealloc'
}
