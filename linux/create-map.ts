/** BPF_MAP_CREATE from a map's attributes. */
import type { MapAttributes } from '../maps/map.ts'
import { MAP_TYPES } from '../program/types.ts'
import { mapCreate } from './bpf.ts'
import { errnoOf, refused } from './libc.ts'

/** What bpf(2) needs beyond the attributes. */
export interface LinuxMapOptions {
  /** Descriptor of BTF that the attributes' type ids are of. */
  readonly btfFd?: number | undefined
  /** Of a map in map: descriptor of a map like those that it holds. */
  readonly innerMapFd?: number | undefined
}

/** The map's descriptor. @throws ErrnoError */
export function createMap(attributes: MapAttributes, options: LinuxMapOptions = {}): number {
  const { name, type, keySize, valueSize, maxEntries, flags, extra, numaNode } = attributes
  const { keyTypeId = 0, valueTypeId = 0 } = attributes
  const sizes = { name, type: MAP_TYPES[type], keySize, valueSize, maxEntries }
  const base = { ...sizes, flags, extra, numaNode, innerMapFd: options.innerMapFd }
  const { btfFd } = options
  const btf = btfFd === undefined || valueTypeId === 0 ? undefined : { fd: btfFd, key: keyTypeId, value: valueTypeId }
  let fd = mapCreate({ ...base, btf })
  // Some types take no BTF at all, and say so with this number; libbpf goes on without it, too.
  if (fd < 0 && btf !== undefined && errnoOf(fd) === 'ENOTSUPP') fd = mapCreate(base)
  if (fd < 0) throw refused(fd, `map ${name}: the kernel does not create it`)
  return fd
}
