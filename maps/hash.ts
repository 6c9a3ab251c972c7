/**
 * BPF_MAP_TYPE_HASH and BPF_MAP_TYPE_PERCPU_HASH, as on Linux 6.18. An update of a key that is there puts a new
 * element in the place of the old one, so that whoever looks on without a lock sees one or the other; per-CPU values
 * are written in place.
 *
 *     fixed supply     new key: an element of the supply, or the map is full (E2BIG)
 *                      replaced: the CPU's spare element; the old one is the next spare
 *     on demand        new key: E2BIG at the limit, else allocated (ENOMEM)
 *                      replaced: allocated, at the limit too; the old one is given back when the lock is
 *                      by a sleepable program, where the policy is to ask the general allocator: allocated before the
 *                      lock is taken, and given back where it turns out that none is needed
 */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { UNIT_BYTES } from '../memalloc/percpu.ts'
import type { MapInfo } from '../program/loadable.ts'
import { type ElementCounter, makeCounter } from './element-counter.ts'
import { type ElementValues, makeElementValues } from './element-values.ts'
import type { ElementSupply, ElementUsage, MakeSupply, SupplyRequest } from './elements.ts'
import { HashCore } from './hash-core.ts'
import { HashTable, HEAD_BYTES, tableBytes } from './hash-table.ts'
import type { ElementLayout, HashLayout } from './layout.ts'
import {
  ALL_BATCHES,
  assertRoom,
  type BatchRequest,
  type BatchResult,
  type BpfMap,
  type MapAttributes,
  MapObject,
  makeMapInfo,
  refusal,
  roundUp8,
  UpdateFlag,
  type UserOperations,
} from './map.ts'

/** The CPU's spare element among its words of control. */
export const CPU_SPARE = 0

export interface HashMapParts {
  readonly perCpu: boolean
  /** lookup3's initial value. */
  readonly seed: number
  readonly makeSupply: MakeSupply
  /** Whether `makeSupply` makes a fixed supply. */
  readonly fixed: boolean
  /** 32 random bits, for the supply. */
  readonly random?: (() => number) | undefined
}

/** Attributes have been checked. Throws ENOMEM, with nothing allocated. */
export function makeHashMap(kernel: Kernel, attributes: MapAttributes, parts: HashMapParts): BpfMap {
  const values = makeElementValues(kernel, attributes, parts.perCpu)
  const cpus = kernel.processors.cpus.length
  const spares = parts.fixed && !parts.perCpu ? cpus : 0
  const request: SupplyRequest = {
    name: attributes.name,
    size: values.elementBytes,
    count: attributes.maxEntries + spares,
    perCpuSize: parts.perCpu ? roundUp8(attributes.valueSize) : 0,
    areaOffset: HEAD_BYTES + roundUp8(attributes.keySize),
    random: parts.random,
  }
  const fixed = parts.fixed ? [request.size * request.count, request.perCpuSize * request.count * cpus] : []
  assertRoom(kernel, attributes, [tableBytes(attributes.maxEntries, cpus), ...fixed])
  const outOfMemory = (): never => {
    throw refusal(attributes, 'ENOMEM', 'no memory for its buckets and elements')
  }
  const { maxEntries, keySize } = attributes
  const table = new HashTable(kernel, { maxEntries, keySize, seed: parts.seed })
  if (table.control === 0) return outOfMemory()
  const supply = parts.makeSupply(kernel, request)
  if (supply === undefined) {
    table.destroy()
    return outOfMemory()
  }
  try {
    return new HashMap(kernel, attributes, table, values, supply)
  } catch (error) {
    supply.destroy()
    table.destroy()
    throw error
  }
}

/** An element that was allocated before it was known whether one is needed; 0 where there was none, or it is used. */
interface Ahead {
  element: number
}

class HashMap implements BpfMap {
  readonly info: MapInfo
  readonly user: UserOperations
  private readonly kernel: Kernel
  private readonly object: MapObject
  private readonly core: HashCore
  private readonly table: HashTable
  private readonly values: ElementValues
  private readonly supply: ElementSupply
  private readonly counter: ElementCounter
  private readonly fixed: boolean
  private readonly perCpu: boolean

  constructor(
    kernel: Kernel,
    attributes: MapAttributes,
    table: HashTable,
    values: ElementValues,
    supply: ElementSupply,
  ) {
    this.kernel = kernel
    this.table = table
    this.values = values
    this.supply = supply
    this.fixed = supply.fixed
    this.perCpu = values.perCpu
    this.counter = makeCounter(kernel, table, supply, attributes.maxEntries)
    this.object = new MapObject(kernel, attributes, table.control)
    this.info = makeMapInfo(attributes, this.object, { valueAddress: () => 0n })
    const give = (element: number): void => this.give(element)
    this.core = new HashCore(kernel, { table, values, keySize: attributes.keySize, give, giveLocked: true })
    if (supply.fixed && !values.perCpu) this.parkSpares()
    this.user = {
      valueBytes: values.userBytes,
      batches: ALL_BATCHES,
      read: (key, out) => this.core.read(key, out),
      update: (key, value, flags) => this.put(key, value, flags, true),
      take: (key, out) => this.core.remove(key, out),
      readBatch: (request: BatchRequest): BatchResult => this.core.readBatch(request),
    }
  }

  get isFrozen(): boolean {
    return this.object.isFrozen
  }

  lookup(key: number): number {
    const element = this.core.find(key)
    return element === 0 ? 0 : this.values.at(element, this.kernel.processors.current.id)
  }

  lookupPerCpu(key: number, cpu: number): number {
    if (!this.values.perCpu || cpu >= this.kernel.processors.cpus.length) return 0
    const element = this.core.find(key)
    return element === 0 ? 0 : this.values.at(element, cpu)
  }

  update(key: number, value: number, flags: number): number {
    return this.put(key, value, flags, false)
  }

  delete(key: number): number {
    return this.core.remove(key, 0)
  }

  nextKey(key: number, next: number): number {
    return this.core.nextKey(key, next)
  }

  layout(): HashLayout {
    const { table, values, kernel, info } = this
    return {
      kind: 'hash',
      ...table.layout,
      valueOffset: values.offset,
      valueSize: info.valueSize,
      cpuStride: values.perCpu ? UNIT_BYTES : 0,
      cpus: kernel.processors.cpus.length,
      elements: values.hasFields || values.perCpu ? undefined : this.elementLayout(),
    }
  }

  private elementLayout(): ElementLayout | undefined {
    const { layout } = this.supply
    return layout?.kind === 'mem-alloc' ? { ...layout, counter: this.counter.layout } : layout
  }

  freeze(): number {
    this.object.freeze()
    return 0
  }

  heldObjects(): readonly number[] {
    const objects: number[] = []
    for (let bucket = 0; bucket < this.table.buckets; bucket++) {
      for (const element of this.table.chain(bucket)) this.values.collect(element, objects)
    }
    return objects
  }

  elementUsage(): ElementUsage | undefined {
    return this.supply.usage?.()
  }

  destroy(): void {
    this.giveAll()
    this.supply.destroy()
    this.table.destroy()
    this.object.destroy()
  }

  private put(key: number, value: number, flags: number, user: boolean): number {
    // No value has a spin lock, without which the lock flag is refused as well.
    if (flags > UpdateFlag.EXIST) return -ERRNO.EINVAL
    const { table } = this
    const hash = table.hashOf(key)
    const bucket = table.bucketOf(hash)
    const ahead = this.takeAhead()
    const locked = table.lock(bucket)
    let given = locked
    if (locked >= 0) {
      try {
        given = this.putLocked(bucket, hash, key, value, flags, user, ahead)
      } finally {
        table.unlock(bucket, locked)
      }
    }
    if (ahead !== undefined && ahead.element !== 0) this.supply.give(ahead.element)
    if (given <= 0) return given
    this.give(given)
    return 0
  }

  /** Undefined where the supply is asked with the lock held. */
  private takeAhead(): Ahead | undefined {
    const { takeAhead } = this.supply
    if (takeAhead === undefined || !this.kernel.processors.maySleep) return undefined
    return { element: takeAhead() }
  }

  /** An error number; 0; or the element that was replaced and is to be given back. */
  private putLocked(
    bucket: number,
    hash: number,
    key: number,
    value: number,
    flags: number,
    user: boolean,
    ahead: Ahead | undefined,
  ): number {
    const { table, values } = this
    const old = table.find(bucket, hash, key)
    if (old !== 0 && flags === UpdateFlag.NOEXIST) return -ERRNO.EEXIST
    if (old === 0 && flags === UpdateFlag.EXIST) return -ERRNO.ENOENT
    if (old !== 0 && this.perCpu) {
      this.overwrite(old, value, user)
      return 0
    }
    const element = this.takeFor(old, ahead)
    if (element < 0) return element
    table.setKey(element, hash, key)
    values.reset(element)
    if (user) values.writeUser(element, value)
    else values.fill(element, value, this.kernel.processors.current.id)
    // The new one first: there is no moment at which the key is absent.
    table.link(bucket, element)
    if (old === 0) return 0
    table.unlink(bucket, old)
    if (!this.fixed) return old
    values.drop(old)
    this.park(old)
    return 0
  }

  /** An element for a key, `old` being the one that it has: its offset, or an error number. */
  private takeFor(old: number, ahead: Ahead | undefined): number {
    if (this.fixed) return (old === 0 ? 0 : this.takeSpare()) || this.supply.take() || -ERRNO.E2BIG
    if (old === 0 && this.counter.isFull()) return -ERRNO.E2BIG
    this.counter.add(1)
    const element = ahead === undefined ? this.supply.take() : ahead.element
    if (ahead !== undefined) ahead.element = 0
    if (element !== 0) return element
    this.counter.add(-1)
    return -ERRNO.ENOMEM
  }

  private give(element: number): void {
    this.values.drop(element)
    if (!this.fixed) this.counter.add(-1)
    this.supply.give(element)
  }

  private overwrite(element: number, value: number, user: boolean): void {
    if (user) {
      this.values.writeUser(element, value)
      return
    }
    this.values.overwrite(element, value, this.kernel.processors.current.id)
  }

  private parkSpares(): void {
    for (const { id } of this.kernel.processors.cpus) {
      this.kernel.steps.store32(this.table.cpuWords(id) + CPU_SPARE, this.supply.take())
    }
  }

  /** The CPU's spare; 0 while an update that was interrupted has it. */
  private takeSpare(): number {
    const { steps, processors } = this.kernel
    const at = this.table.cpuWords(processors.current.id) + CPU_SPARE
    const spare = steps.load32(at)
    return spare !== 0 && steps.compareExchange32(at, spare, 0) === spare ? spare >>> 0 : 0
  }

  /** Makes an element, in no chain any more, the CPU's spare; where an interruption has left one, the supply gets it. */
  private park(element: number): void {
    const { steps, processors } = this.kernel
    const at = this.table.cpuWords(processors.current.id) + CPU_SPARE
    if (steps.compareExchange32(at, 0, element) !== 0) this.supply.give(element)
  }

  private giveAll(): void {
    for (let bucket = 0; bucket < this.table.buckets; bucket++) {
      if (this.table.isEmpty(bucket)) continue
      for (const element of this.table.chain(bucket)) this.give(element)
    }
  }
}
