/**
 * BPF_MAP_TYPE_ARRAY: values side by side in kernel memory, each rounded up to 8 bytes; the key is the index.
 * All of them exist from the start and for ever. Behaviour as observed on Linux 6.18. percpu-array.ts has the per-CPU
 * form.
 */
import { ERRNO } from '../errors/errors.ts'
import { type Kernel, kernelAddress } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { load32 } from '../memory/access.ts'
import type { Memory } from '../memory/memory.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { INDEX_BATCHES, nextIndex, putIndexed, readIndexBatch } from './index-key.ts'
import type { MapLayout } from './layout.ts'
import {
  type BpfMap,
  checkCommon,
  checkFlags,
  type MapAttributes,
  MapObject,
  makeMapInfo,
  refusal,
  roundUp8,
  type UserOperations,
} from './map.ts'
import { copyValue, makeValueFields, type ValueFields } from './value-fields.ts'

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
  checkArray(attributes, ALLOWED_FLAGS, MAX_VALUE_SIZE)
  return new ArrayMap(kernel, attributes)
}

/** What arrays of both forms are refused for. */
export function checkArray(attributes: MapAttributes, allowedFlags: number, maxValueSize: number): void {
  const { keySize, valueSize, maxEntries } = attributes
  const wrong = (why: string): never => {
    throw refusal(attributes, 'EINVAL', why)
  }
  checkCommon(attributes)
  if (keySize !== 4) wrong(`an array has keys of 4 bytes, not ${keySize}`)
  if (valueSize === 0) wrong('values of 0 bytes')
  if (maxEntries === 0) wrong('0 entries')
  checkFlags(attributes, allowedFlags)
  if (valueSize > maxValueSize) throw refusal(attributes, 'E2BIG', `values of ${valueSize} bytes`)
}

class ArrayMap implements BpfMap {
  readonly info: MapInfo
  readonly user: UserOperations
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly maxEntries: number
  private readonly object: MapObject
  /** Offset of value 0. */
  private readonly values: number
  /** Bytes from one value to the next. */
  private readonly stride: number
  private readonly fields: ValueFields | undefined
  private contents: Uint8Array | undefined

  constructor(kernel: Kernel, attributes: MapAttributes) {
    this.kernel = kernel
    this.memory = kernel.memory
    this.maxEntries = attributes.maxEntries
    this.fields = makeValueFields(kernel, attributes)
    this.stride = roundUp8(attributes.valueSize)
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
    this.user = {
      valueBytes: attributes.valueSize,
      batches: INDEX_BATCHES,
      read: (key, out) => this.read(key, out),
      update: (key, value, flags) => this.update(key, value, flags),
      take: () => -ERRNO.ENOTSUPP,
      readBatch: (request) => readIndexBatch(kernel, this, request),
    }
  }

  get isFrozen(): boolean {
    return this.object.isFrozen
  }

  lookup(key: number): number {
    const index = load32(this.memory, key) >>> 0
    return index < this.maxEntries ? this.values + index * this.stride : 0
  }

  lookupPerCpu(): number {
    return 0
  }

  update(key: number, value: number, flags: number): number {
    return putIndexed(this.kernel, this.fields, this.info, this.lookup(key), value, flags)
  }

  delete(_key: number): number {
    return -ERRNO.EINVAL
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this.memory, this.maxEntries, key, next)
  }

  freeze(): number {
    this.object.freeze()
    return 0
  }

  heldObjects(): readonly number[] {
    const objects: number[] = []
    for (let index = 0; index < this.maxEntries; index++) {
      this.fields?.collect(this.values + index * this.stride, objects)
    }
    return objects
  }

  layout(): MapLayout {
    const { values, stride, maxEntries } = this
    return {
      kind: 'array',
      values,
      stride,
      valueSize: this.info.valueSize,
      maxEntries,
      plain: this.fields === undefined,
    }
  }

  destroy(): void {
    for (let index = 0; index < this.maxEntries; index++) this.fields?.drop(this.values + index * this.stride)
    this.kernel.pages.freeBytes(this.values, this.stride * this.maxEntries)
    this.object.destroy()
  }

  private read(key: number, out: number): number {
    const at = this.lookup(key)
    if (at === 0) return -ERRNO.ENOENT
    copyValue(this.kernel, this.fields, out, at, this.info.valueSize)
    this.fields?.clear(out)
    return 0
  }

  /** Once nobody can write any more, what is written there; values at multiples of the stride. */
  private frozenContents(): Uint8Array | undefined {
    if (!this.isFrozen || (this.info.flags & MAP_FLAGS.rdonly_prog) === 0) return undefined
    const end = this.values + this.stride * this.maxEntries
    this.contents ??= this.memory.u8.slice(this.values, end)
    return this.contents
  }
}
