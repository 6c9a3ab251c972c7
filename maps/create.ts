/** BPF_MAP_CREATE: the map types there are. */
import { HarenaError } from '../errors/errors.ts'
import { nearest } from '../errors/nearest.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { MAP_TYPES } from '../program/types.ts'
import { type ArenaMapOptions, createArenaMap } from './arena-map.ts'
import { createArrayMap } from './array.ts'
import { createHashMap, type HashOptions } from './create-hash.ts'
import { type BpfMap, type MapAttributes, refusal } from './map.ts'
import { createPerCpuArrayMap } from './percpu-array.ts'
import { checkValueType } from './special-fields.ts'

/** What maps of the single types need besides the kernel. */
export interface MapOptions {
  readonly arena: ArenaMapOptions
  readonly hash?: HashOptions
}

/**
 * Makes a map.
 * @throws ErrnoError with Linux's number; EOPNOTSUPP for what harena does not implement
 * @throws HarenaError for attributes that are no numbers, and for a type that Linux does not have either
 */
export function createMap(kernel: Kernel, attributes: MapAttributes, options: MapOptions): BpfMap {
  checkAttributes(attributes)
  if (options.hash?.alloc !== undefined && !attributes.type.endsWith('hash')) {
    throw refusal(attributes, 'EINVAL', `map type ${attributes.type} takes no alloc`)
  }
  switch (attributes.type) {
    case 'array':
      checkValueType(attributes)
      return createArrayMap(kernel, attributes)
    case 'percpu_array':
      checkValueType(attributes)
      return createPerCpuArrayMap(kernel, attributes)
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
      checkValueType(attributes)
      return createHashMap(kernel, attributes, options.hash)
    case 'arena':
      return createArenaMap(kernel, attributes, options.arena)
    default:
      throw refusal(attributes, 'EOPNOTSUPP', `harena does not implement map type ${attributes.type}`)
  }
}

const MAX_U32 = 2 ** 32 - 1
const MAX_U64 = 2n ** 64n - 1n

/** What callers without types may leave out or get wrong: an absent size would otherwise be taken for a large one. */
function checkAttributes(attributes: MapAttributes): void {
  const { name, type, flags, extra } = attributes
  const wrong = (attribute: string, is: string, value: unknown): never => {
    throw new HarenaError(`map ${String(name)}: ${attribute} is ${is}, not ${String(value)}`)
  }
  if (typeof name !== 'string') wrong('name', 'a string', name)
  if (!Object.hasOwn(MAP_TYPES, type)) {
    const near = nearest(String(type), Object.keys(MAP_TYPES))
    throw new HarenaError(
      `map ${name}: there is no map type ${String(type)}${near === undefined ? '' : `; did you mean ${near}?`}`,
    )
  }
  for (const attribute of ['keySize', 'valueSize', 'maxEntries'] as const) {
    const value = attributes[attribute]
    if (!Number.isInteger(value) || value < 0 || value > MAX_U32) wrong(attribute, 'a number of 32 bits', value)
  }
  // Flags are or-ed, which may make them negative.
  if (!Number.isInteger(flags) || flags < -(2 ** 31) || flags > MAX_U32) wrong('flags', 'a number of 32 bits', flags)
  if (typeof extra !== 'bigint' || extra < 0n || extra > MAX_U64) wrong('extra', 'a bigint of 64 bits', extra)
}
