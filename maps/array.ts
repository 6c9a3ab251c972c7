/**
 * BPF_MAP_TYPE_ARRAY: values side by side in kernel memory, each rounded up to 8 bytes; the key is the index.
 * All of them exist from the start and for ever. Behaviour as observed on Linux 6.18.
 */
import { ERRNO } from '../errors/errors.ts'
import { type Kernel, kernelAddress } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { load32, store32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { type BpfMap, checkFlags, type MapAttributes, MapObject, makeMapInfo, refusal, UpdateFlag } from './map.ts'

const ALLOWED_FLAGS: number =
  MAP_FLAGS.numa_node |
  MAP_FLAGS.rdonly |
  MAP_FLAGS.wronly |
  MAP_FLAGS.rdonly_prog |
  MAP_FLAGS.wronly_prog |
  MAP_FLAGS.mmapable |
  MAP_FLAGS.inner_map

/** INT_MAX */
const MAX_VALUE_SIZE = 2 ** 31 - 1

/** Throws ErrnoError as Linux refuses: EINVAL, E2BIG, ENOMEM. */
export function createArrayMap(kernel: Kernel, attributes: MapAttributes): BpfMap {
  checkArray(attributes)
  return new ArrayMap(kernel, attributes)
}

function checkArray(attributes: MapAttributes): void {
  const { keySize, valueSize, maxEntries, extra } = attributes
  const wrong = (why: string): never => {
    throw refusal(attributes, 'EINVAL', why)
  }
  if (extra !== 0n) wrong('an array has no extra')
  if (keySize !== 4) wrong(`an array has keys of 4 bytes, not ${keySize}`)
  if (valueSize === 0) wrong('values of 0 bytes')
  if (maxEntries === 0) wrong('0 entries')
  checkFlags(attributes, ALLOWED_FLAGS)
  if ((attributes.flags & MAP_FLAGS.numa_node) !== 0 && ![0, -1].includes(attributes.numaNode ?? 0)) {
    wrong(`there is no NUMA node ${attributes.numaNode}`)
  }
  if (valueSize > MAX_VALUE_SIZE) throw refusal(attributes, 'E2BIG', `values of ${valueSize} bytes`)
}

class ArrayMap implements BpfMap {
  readonly info: MapInfo
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly maxEntries: number
  private readonly object: MapObject
  /** Offset of value 0. */
  private readonly values: number
  /** Bytes from one value to the next. */
  private readonly stride: number
  private contents: Uint8Array | undefined

  constructor(kernel: Kernel, attributes: MapAttributes) {
    this.kernel = kernel
    this.memory = kernel.memory
    this.maxEntries = attributes.maxEntries
    this.stride = Math.ceil(attributes.valueSize / 8) * 8
    const bytes = this.stride * attributes.maxEntries
    this.values = kernel.pages.allocBytes(bytes, PageOwner.MAP)
    if (this.values === 0) throw refusal(attributes, 'ENOMEM', `no memory for ${bytes} bytes of values`)
    try {
      this.object = new MapObject(kernel, attributes, this.values)
    } catch (error) {
      kernel.pages.freeBytes(this.values, bytes)
      throw error
    }
    const single = attributes.maxEntries === 1
    const valueAddress = single ? kernelAddress(this.values) : 0n
    this.info = makeMapInfo(attributes, this.object, {
      valueAddress: () => valueAddress,
      frozen: () => this.frozenContents(),
    })
  }

  get isFrozen(): boolean {
    return this.object.isFrozen
  }

  lookup(key: number): number {
    const index = load32(this.memory, key) >>> 0
    return index < this.maxEntries ? this.values + index * this.stride : 0
  }

  update(key: number, value: number, flags: number): number {
    const locked = flags % 8 >= UpdateFlag.LOCK
    if (flags - (locked ? UpdateFlag.LOCK : 0) > UpdateFlag.EXIST) return -ERRNO.EINVAL
    const at = this.lookup(key)
    if (at === 0) return -ERRNO.E2BIG
    if (flags % 2 === UpdateFlag.NOEXIST) return -ERRNO.EEXIST
    // Values have no spin lock to take.
    if (locked) return -ERRNO.EINVAL
    this.memory.u8.copyWithin(at, value, value + this.info.valueSize)
    return 0
  }

  delete(_key: number): number {
    return -ERRNO.EINVAL
  }

  nextKey(key: number, next: number): number {
    const index = key === 0 ? this.maxEntries : load32(this.memory, key) >>> 0
    if (index === this.maxEntries - 1) return -ERRNO.ENOENT
    store32(this.memory, next, index < this.maxEntries ? index + 1 : 0)
    return 0
  }

  freeze(): number {
    this.object.freeze()
    return 0
  }

  destroy(): void {
    this.kernel.pages.freeBytes(this.values, this.stride * this.maxEntries)
    this.object.destroy()
  }

  /** Once nobody can write any more, what is written there; values at multiples of the stride. */
  private frozenContents(): Uint8Array | undefined {
    if (!this.isFrozen || (this.info.flags & MAP_FLAGS.rdonly_prog) === 0) return undefined
    const end = this.values + this.stride * this.maxEntries
    this.contents ??= this.memory.u8.slice(this.values, end)
    return this.contents
  }
}
