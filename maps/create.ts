/** BPF_MAP_CREATE: the map types there are. */
import type { Kernel } from '../memalloc/kernel.ts'
import { type ArenaMapOptions, createArenaMap } from './arena-map.ts'
import { createArrayMap } from './array.ts'
import { type BpfMap, type MapAttributes, refusal } from './map.ts'
import { checkValueType } from './special-fields.ts'

/** What maps of the single types need besides the kernel. */
export interface MapOptions {
  readonly arena: ArenaMapOptions
}

/** Makes a map. Throws ErrnoError with Linux's number; EOPNOTSUPP for what harena does not implement. */
export function createMap(kernel: Kernel, attributes: MapAttributes, options: MapOptions): BpfMap {
  switch (attributes.type) {
    case 'array':
      checkValueType(attributes)
      return createArrayMap(kernel, attributes)
    case 'arena':
      return createArenaMap(kernel, attributes, options.arena)
    default:
      throw refusal(attributes, 'EOPNOTSUPP', `harena does not implement map type ${attributes.type}`)
  }
}
