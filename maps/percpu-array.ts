/**
 * BPF_MAP_TYPE_PERCPU_ARRAY: an array whose values are one a CPU. A program sees the value of the CPU it runs on, user
 * space all of them. Behaviour as observed on Linux 6.18.
 *
 *     areas    offset of index 0's area | of index 1's | ...           area ──> CPU 0: value | CPU 1: value | ...
 */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { UNIT_BYTES } from '../memalloc/percpu.ts'
import { load32 } from '../memory/access.ts'
import type { MapInfo } from '../program/loadable.ts'
import { MAP_FLAGS } from '../program/types.ts'
import { checkArray } from './array.ts'
import { checkUpdate, INDEX_BATCHES, nextIndex, putIndexed, readIndexBatch } from './index-key.ts'
import type { MapLayout } from './layout.ts'
import {
  assertRoom,
  type BpfMap,
  hasNumaNode,
  MAX_PER_CPU_VALUE,
  type MapAttributes,
  MapObject,
  makeMapInfo,
  refusal,
  roundUp8,
  type UserOperations,
} from './map.ts'
import { copyValue, makeValueFields, type ValueFields } from './value-fields.ts'

const ALLOWED_FLAGS: number =
  MAP_FLAGS.numa_node | MAP_FLAGS.rdonly | MAP_FLAGS.wronly | MAP_FLAGS.rdonly_prog | MAP_FLAGS.wronly_prog

const AREA_BYTES = 8

/** Throws ErrnoError as Linux refuses: EINVAL, E2BIG, ENOMEM. */
export function createPerCpuArrayMap(kernel: Kernel, attributes: MapAttributes): BpfMap {
  checkArray(attributes, ALLOWED_FLAGS, MAX_PER_CPU_VALUE)
  if (hasNumaNode(attributes)) throw refusal(attributes, 'EINVAL', 'memory of every CPU on one NUMA node')
  return new PerCpuArrayMap(kernel, attributes)
}

class PerCpuArrayMap implements BpfMap {
  readonly info: MapInfo
  readonly user: UserOperations
  private readonly kernel: Kernel
  private readonly object: MapObject
  private readonly maxEntries: number
  private readonly areas: number
  /** Bytes of one CPU's value. */
  private readonly valueBytes: number
  private readonly cpus: number
  private readonly fields: ValueFields | undefined

  constructor(kernel: Kernel, attributes: MapAttributes) {
    this.kernel = kernel
    this.maxEntries = attributes.maxEntries
    this.fields = makeValueFields(kernel, attributes)
    this.valueBytes = roundUp8(attributes.valueSize)
    this.cpus = kernel.processors.cpus.length
    const valueBytes = this.valueBytes * this.cpus * this.maxEntries
    assertRoom(kernel, attributes, [AREA_BYTES * this.maxEntries, valueBytes])
    const noMemory = 'no memory for its values'
    this.areas = kernel.pages.allocBytes(AREA_BYTES * attributes.maxEntries, PageOwner.MAP)
    if (this.areas === 0) throw refusal(attributes, 'ENOMEM', noMemory)
    for (let index = 0; index < attributes.maxEntries; index++) {
      const area = kernel.percpu.alloc(this.valueBytes, 'kernel')
      if (area === 0) {
        this.freeAreas(index)
        throw refusal(attributes, 'ENOMEM', noMemory)
      }
      kernel.steps.store32(this.areas + AREA_BYTES * index, area)
    }
    try {
      this.object = new MapObject(kernel, attributes, this.areas)
    } catch (error) {
      this.freeAreas(attributes.maxEntries)
      throw error
    }
    this.info = makeMapInfo(attributes, this.object, { valueAddress: () => 0n })
    this.user = {
      valueBytes: this.valueBytes * this.cpus,
      batches: INDEX_BATCHES,
      read: (key, out) => this.read(key, out),
      update: (key, value, flags) => this.updateAll(key, value, flags),
      take: () => -ERRNO.ENOTSUPP,
      readBatch: (request) => readIndexBatch(kernel, this, request),
    }
  }

  get isFrozen(): boolean {
    return this.object.isFrozen
  }

  lookup(key: number): number {
    return this.lookupPerCpu(key, this.kernel.processors.current.id)
  }

  lookupPerCpu(key: number, cpu: number): number {
    const index = load32(this.kernel.memory, key) >>> 0
    if (index >= this.maxEntries || cpu >= this.cpus) return 0
    return this.kernel.percpu.copyOf(this.kernel.steps.load32(this.areas + AREA_BYTES * index) >>> 0, cpu)
  }

  update(key: number, value: number, flags: number): number {
    return putIndexed(this.kernel, this.fields, this.info, this.lookup(key), value, flags)
  }

  delete(_key: number): number {
    return -ERRNO.EINVAL
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this.kernel.memory, this.maxEntries, key, next)
  }

  freeze(): number {
    this.object.freeze()
    return 0
  }

  layout(): MapLayout {
    const { areas, cpus, maxEntries } = this
    return { kind: 'percpu-array', areas, cpuStride: UNIT_BYTES, cpus, maxEntries }
  }

  destroy(): void {
    this.freeAreas(this.maxEntries)
    this.object.destroy()
  }

  private read(key: number, out: number): number {
    if (this.lookup(key) === 0) return -ERRNO.ENOENT
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = this.lookupPerCpu(key, cpu)
      const to = out + cpu * this.valueBytes
      copyValue(this.kernel, this.fields, to, at, this.valueBytes)
      this.fields?.clear(to)
    }
    return 0
  }

  private updateAll(key: number, value: number, flags: number): number {
    const refused = checkUpdate(this.lookup(key) !== 0, flags)
    if (refused !== 0) return refused
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = this.lookupPerCpu(key, cpu)
      copyValue(this.kernel, this.fields, at, value + cpu * this.valueBytes, this.valueBytes)
      this.fields?.drop(at)
    }
    return 0
  }

  private freeAreas(count: number): void {
    const { kernel } = this
    for (let index = 0; index < count; index++) {
      const area = kernel.steps.load32(this.areas + AREA_BYTES * index) >>> 0
      for (let cpu = 0; cpu < this.cpus; cpu++) this.fields?.drop(kernel.percpu.copyOf(area, cpu))
      kernel.percpu.free(area)
    }
    kernel.pages.freeBytes(this.areas, AREA_BYTES * this.maxEntries)
  }
}
