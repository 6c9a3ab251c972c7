/** Which hash maps may be made, in the order in which Linux 6.18 looks. */
import { MAP_FLAGS, type MapType } from '../program/types.ts'
import { checkCommon, checkFlags, hasNumaNode, MAX_PER_CPU_VALUE, type MapAttributes, refusal } from './map.ts'

const ALLOWED_FLAGS: number =
  MAP_FLAGS.no_prealloc |
  MAP_FLAGS.no_common_lru |
  MAP_FLAGS.numa_node |
  MAP_FLAGS.rdonly |
  MAP_FLAGS.wronly |
  MAP_FLAGS.rdonly_prog |
  MAP_FLAGS.wronly_prog |
  MAP_FLAGS.zero_seed

/** Key and value together are less: the largest kmalloc without an element's head. */
const MAX_KEY_AND_VALUE: number = 4 * 2 ** 20 - 48

/** Bucket numbers have 32 bits. */
const MAX_ENTRIES: number = 2 ** 31

export type HashType = 'hash' | 'percpu_hash' | 'lru_hash' | 'lru_percpu_hash'

export function isPerCpuHash(type: MapType): boolean {
  return type === 'percpu_hash' || type === 'lru_percpu_hash'
}

export function isLru(type: MapType): boolean {
  return type === 'lru_hash' || type === 'lru_percpu_hash'
}

/** Throws ErrnoError: EINVAL, ENOTSUPP, E2BIG. `lruDynamic` lets LRU maps have no_prealloc, which Linux refuses. */
export function checkHash(attributes: MapAttributes, lruDynamic = false): void {
  const { type, keySize, valueSize, maxEntries, flags } = attributes
  const perCpu = isPerCpuHash(type)
  checkCommon(attributes)
  checkFlags(attributes, ALLOWED_FLAGS)
  const noCommon = (flags & MAP_FLAGS.no_common_lru) !== 0
  if (noCommon && !isLru(type)) throw refusal(attributes, 'EINVAL', 'no_common_lru is for LRU maps')
  if (isLru(type) && (flags & MAP_FLAGS.no_prealloc) !== 0 && !lruDynamic) {
    throw refusal(attributes, 'ENOTSUPP', 'an LRU map is preallocated')
  }
  if ((perCpu || noCommon) && hasNumaNode(attributes)) {
    throw refusal(attributes, 'EINVAL', 'memory of every CPU on one NUMA node')
  }
  if (maxEntries === 0) throw refusal(attributes, 'EINVAL', '0 entries')
  if (keySize === 0) throw refusal(attributes, 'EINVAL', 'keys of 0 bytes')
  if (valueSize === 0) throw refusal(attributes, 'EINVAL', 'values of 0 bytes')
  if (keySize + valueSize >= MAX_KEY_AND_VALUE) {
    throw refusal(attributes, 'E2BIG', `key and value of ${keySize + valueSize} bytes`)
  }
  if (perCpu && Math.ceil(valueSize / 8) * 8 > MAX_PER_CPU_VALUE) {
    throw refusal(attributes, 'E2BIG', `values of ${valueSize} bytes for each CPU`)
  }
  if (maxEntries > MAX_ENTRIES) throw refusal(attributes, 'E2BIG', `${maxEntries} entries`)
}
