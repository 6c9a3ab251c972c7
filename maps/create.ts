/** BPF_MAP_CREATE: the map types there are. */
import type { Kernel } from '../memalloc/kernel.ts'
import { createArrayMap } from './array.ts'
import { type BpfMap, type MapAttributes, refusal } from './map.ts'

/** Makes a map. Throws ErrnoError with Linux's number; EOPNOTSUPP for what harena does not implement. */
export function createMap(kernel: Kernel, attributes: MapAttributes): BpfMap {
  switch (attributes.type) {
    case 'array':
      return createArrayMap(kernel, attributes)
    default:
      throw refusal(attributes, 'EOPNOTSUPP', `harena does not implement map type ${attributes.type}`)
  }
}
